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

impl ScenarioResult {
    /// The result of a scenario that could not be played.
    pub fn unplayed(scenario: String, front: &str, reason: String) -> Self {
        let never = Duration::ZERO..Duration::ZERO;
        Self {
            scenario,
            front: front.to_owned(),
            summary: Summary::of(&[], never.clone()),
            deploy_seconds: 0.0,
            deploy: never,
            instructions: Vec::new(),
            records: Vec::new(),
            ok: false,
            reasons: vec![reason],
        }
    }
}

/// The additional results of a soak.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SoakResult {
    /// The number of deployments, including commands that a person runs on the instance.
    pub deployments: u32,
    /// The number of deployments that did not succeed: refused, interrupted, or ended by a hook.
    pub aborted: u32,
    /// The number of killed processes.
    pub kills: u32,
    /// The number of renewals of the certificate, with or without success.
    pub renewals: u32,
    /// The seed of the faults; `None` for a soak without faults.
    pub seed: Option<u64>,
    /// How long the soak took.
    pub seconds: f64,
    /// One row for each kind of deployment, and one for each kind of fault.
    #[serde(skip)]
    pub rows: Vec<SoakRow>,
}

/// A row of the soak's table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SoakRow {
    /// The name of an act or a fault.
    pub name: String,
    /// How many deployments had this act or fault.
    pub times: u32,
    /// How many of these deployments did not succeed.
    pub aborted: u32,
    /// How long these deployments took in total.
    pub seconds: f64,
}
