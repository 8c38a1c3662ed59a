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
