//! What came of a scenario: the scenario makes it, the report shows it.

use std::{ops::Range, time::Duration};

use crate::instruction::Instruction;
use crate::record::Record;
use crate::summary::Summary;

/// One scenario behind one front.
#[derive(Debug, Clone)]
pub struct ScenarioResult {
    /// The scenario's name: `new-version`.
    pub scenario: String,
    /// `nginx`, `direct` or `stock`.
    pub front: String,
    /// The numbers of `records`.
    pub summary: Summary,
    /// How long the deployment took, in seconds.
    pub deploy_seconds: f64,
    /// When it took place, on the records' clock.
    pub deploy: Range<Duration>,
    /// The engine's work, on the same clock.
    pub instructions: Vec<Instruction>,
    /// All the load saw.
    pub records: Vec<Record>,
    /// The verdict.
    pub ok: bool,
    /// Why not ok, or what else is worth saying.
    pub reasons: Vec<String>,
}
