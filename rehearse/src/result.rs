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

/// What a soak adds to its result.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SoakResult {
    /// How many deployments there were, commands of a person's among them.
    pub deployments: u32,
    /// Those that did not come to their end: refused, interrupted, or ended by a hook.
    pub aborted: u32,
    /// How many processes were killed.
    pub kills: u32,
    /// The seed of the faults; none without faults.
    pub seed: Option<u64>,
    /// How long it took.
    pub seconds: f64,
    /// By what the deployments were, and by what went wrong in them.
    #[serde(skip)]
    pub rows: Vec<SoakRow>,
}

/// A row of the soak's table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SoakRow {
    /// An act or a fault.
    pub name: String,
    /// How often.
    pub times: u32,
    /// How many of these deployments did not come to their end.
    pub aborted: u32,
    /// How long they took in all.
    pub seconds: f64,
}
