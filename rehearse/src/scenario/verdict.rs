//! Whether a scenario went well.

mod early;
mod failures;
mod releases;
mod secret;

use std::time::Duration;

use flipless_settings::layout;

use super::check::Check;
use super::error::ScenarioError;
use super::excuse::Circumstances;
use super::expectation::{Clients, Tolerance};
use super::script::Scenario;
use super::status::Status;
use super::subject::Subject;
use crate::engine::Deployment;
use crate::machine::Instance;
use crate::record::Record;
use crate::summary::Summary;

/// The deployment's p99.9 may be above the steady one by this.
const SLOWER_MS: f64 = 25.0;

pub(super) fn judge(
    scenario: &Scenario,
    subject: &mut Subject,
    before: &Status,
    records: &[Record],
    circumstances: &Circumstances,
    summary: &Summary,
) -> Vec<Check> {
    let mut checks = std::mem::take(&mut subject.checks);
    if scenario.clients != Clients::None {
        checks.extend(failures::of(scenario.tolerance, records, circumstances));
        checks.extend(of_latency(scenario.tolerance, summary));
    }
    let run = before.run();
    let flip = first_flip(&subject.deployments);
    checks.extend(early::of(scenario.after, records, run.as_deref(), flip));
    checks.extend(releases::of(scenario, subject, before));
    checks.extend(said(secret::of(subject)));
    checks.extend(left_out(&subject.engine.history().left_out));
    checks.extend([layout::WEB, layout::NGINX].map(|unit| has_process(subject, unit)));
    checks
}

fn first_flip(deployments: &[Deployment]) -> Option<Duration> {
    let mut instructions = deployments.iter().flat_map(|done| &done.instructions);
    let flip = instructions.find(|instruction| instruction.name == early::FLIP)?;
    Some(flip.start)
}

/// A question that failed is a failed check.
fn said(asked: Result<Option<Check>, ScenarioError>) -> Option<Check> {
    asked.unwrap_or_else(|error| {
        let name = "the instance answers";
        Some(Check::new(name, false, error.to_string()))
    })
}

/// What of the bundles the model does not carry out.
fn left_out(what: &[String]) -> Option<Check> {
    let note = || Check::note("a rehearsal leaves this out", what.join("; "));
    (!what.is_empty()).then(note)
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
            "none in one of the two windows",
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
fn has_process(subject: &Subject, unit: &'static str) -> Check {
    let pid = subject.main_pid(unit);
    let process = subject.engine.instance().root().join("proc").join(&pid);
    let alive = pid.parse::<u32>().is_ok_and(|pid| pid > 0) && process.exists();
    Check::new(
        "EB's processes live",
        alive,
        format!("{unit}: main pid {pid}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_said_of_a_scenario_that_went_well() {
        assert_eq!(left_out(&[]), None);
        let note = left_out(&["`packages` in a.config".into(), "b".into()]);
        let said = note.filter(|note| note.ok && note.is_worth_saying());
        let said = said.map(|note| note.to_string());
        let expected = "a rehearsal leaves this out (`packages` in a.config; b)";
        assert_eq!(said.as_deref(), Some(expected));
    }
}
