//! The result of a scenario, for the report.

use std::{ops::Range, time::Duration};

use crate::instruction::Instruction;
use crate::record::Record;
use crate::summary::Summary;

/// The result of one scenario in one front mode.
#[derive(Debug, Clone)]
pub struct ScenarioResult {
    /// The scenario's name: `new-version`.
    pub scenario: String,
    /// `nginx`, `direct` or `stock`.
    pub front: String,
    /// A summary of `records`.
    pub summary: Summary,
    /// How long the deployment took, in seconds.
    pub deploy_seconds: f64,
    /// When the deployment took place, on the records' clock.
    pub deploy: Range<Duration>,
    /// The engine's instructions, on the same clock.
    pub instructions: Vec<Instruction>,
    /// All records of the load.
    pub records: Vec<Record>,
    /// Whether the scenario passed.
    pub ok: bool,
    /// The failed checks, and notes. A note begins with `note: `.
    pub reasons: Vec<String>,
}
