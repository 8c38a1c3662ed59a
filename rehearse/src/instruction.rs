//! One instruction of the engine: the type that engine, result and report share.

use std::time::Duration;

use serde::Serialize;

/// One of the engine's instructions. Times are on the rehearsal's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Instruction {
    /// The name in the engine's log: `Executing instruction: NAME`.
    pub name: String,
    /// Its start.
    pub start: Duration,
    /// Its end.
    pub end: Duration,
}
