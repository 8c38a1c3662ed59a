//! Whether a scenario went well.

mod failures;
mod releases;

use std::fmt;

use super::stage::{Stage, Status};
use super::{Clients, Scenario, Tolerance};
use crate::machine::Instance;
use crate::record::Record;
use crate::summary::Summary;
pub(super) use failures::Circumstances;

/// The deployment's p99.9 may be above the steady one by this.
const SLOWER_MS: f64 = 25.0;

/// One thing that had to be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    name: &'static str,
    /// Whether it was.
    pub ok: bool,
    detail: String,
    note: bool,
}

impl Check {
    pub(super) fn new(name: &'static str, ok: bool, detail: impl Into<String>) -> Self {
        Self {
            name,
            ok,
            detail: detail.into(),
            note: false,
        }
    }

    /// Something to say of a scenario that went well.
    fn note(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            note: true,
            ..Self::new(name, true, detail)
        }
    }

    /// What failed, and notes.
    pub(super) fn is_worth_saying(&self) -> bool {
        self.note || !self.ok
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ok {
            true => write!(formatter, "{} ({})", self.name, self.detail),
            false => write!(
                formatter,
                "expected that {}, found: {}",
                self.name, self.detail
            ),
        }
    }
}

pub(super) fn judge(
    scenario: &Scenario,
    stage: &mut Stage,
    before: &Status,
    records: &[Record],
    circumstances: &Circumstances,
    summary: &Summary,
) -> Vec<Check> {
    let mut checks = std::mem::take(&mut stage.checks);
    if scenario.clients != Clients::None {
        checks.extend(failures::of(scenario.tolerance, records, circumstances));
        checks.extend(of_latency(scenario.tolerance, summary));
    }
    checks.extend(releases::of(scenario, stage, before));
    checks.extend(["web.service", "nginx.service"].map(|unit| has_process(stage, unit)));
    checks
}

/// What the clients waited.
fn of_latency(tolerance: Tolerance, summary: &Summary) -> Option<Check> {
    if matches!(
        tolerance,
        Tolerance::Waiting | Tolerance::InFlight | Tolerance::Measured
    ) {
        return None;
    }
    let (Some(steady), Some(deploy)) = (&summary.steady, &summary.deploy) else {
        return Some(Check::new(
            "requests were answered",
            false,
            "none in one of the two phases",
        ));
    };
    let (steady, deploy) = (steady.p999_ms, deploy.p999_ms);
    let detail = format!("p99.9 {deploy:.1} ms in the deployment, {steady:.1} ms in steady state");
    Some(Check::new(
        "no request waited",
        deploy <= steady + SLOWER_MS,
        detail,
    ))
}

/// EB fails a deployment whose processes have no main pid.
fn has_process(stage: &Stage, unit: &'static str) -> Check {
    let pid = stage.main_pid(unit);
    let process = stage.engine.instance().root().join("proc").join(&pid);
    let alive = pid.parse::<u32>().is_ok_and(|pid| pid > 0) && process.exists();
    Check::new(
        "EB's processes live",
        alive,
        format!("{unit}: main pid {pid}"),
    )
}
