//! Decides whether a scenario passed.

mod early;
mod failures;
mod health_log;
mod https;
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

/// The most that p99.9 during the deployment may exceed p99.9 in steady state, in milliseconds.
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
        checks.extend(https::of(records));
        checks.extend(of_latency(scenario.tolerance, summary));
    }
    let run = before.run();
    let flip = first_flip(&subject.deployments);
    checks.extend(early::of(scenario.after, records, run.as_deref(), flip));
    checks.extend(releases::of(scenario, subject, before));
    checks.extend(said(secret::of(subject)));
    checks.extend(said(health_log::of(subject)));
    checks.extend(left_out(&subject.engine.history().left_out));
    checks.extend([layout::WEB, layout::NGINX].map(|unit| has_process(subject, unit)));
    checks
}

fn first_flip(deployments: &[Deployment]) -> Option<Duration> {
    let mut instructions = deployments.iter().flat_map(|done| &done.instructions);
    let flip = instructions.find(|instruction| instruction.name == early::FLIP)?;
    Some(flip.start)
}

/// Returns the check in `asked`. If `asked` is an error, returns a failed check.
fn said(asked: Result<Option<Check>, ScenarioError>) -> Option<Check> {
    asked.unwrap_or_else(|error| {
        let fault = "a check on the instance could not run";
        Some(Check::new(fault, false, error.to_string()))
    })
}

/// A note with the parts of the bundles that the model does not carry out.
pub(super) fn left_out(what: &[String]) -> Option<Check> {
    let note = || Check::note("the model leaves out parts of the bundle", what.join("; "));
    (!what.is_empty()).then(note)
}

/// Whether requests waited longer during the deployment than in steady state.
fn of_latency(tolerance: Tolerance, summary: &Summary) -> Option<Check> {
    if matches!(
        tolerance,
        Tolerance::Waiting | Tolerance::InFlight | Tolerance::Measured
    ) {
        return None;
    }
    let (Some(steady), Some(deploy)) = (&summary.steady, &summary.deploy) else {
        return Some(Check::new(
            "latencies cannot be compared",
            false,
            "no request was answered in steady state, or none during the deployment",
        ));
    };
    let (steady, deploy) = (steady.p999_ms, deploy.p999_ms);
    let detail =
        format!("p99.9 {deploy:.1} ms during the deployment, {steady:.1} ms in steady state");
    Some(Check::new(
        "a request waited",
        deploy <= steady + SLOWER_MS,
        detail,
    ))
}

/// Checks that a unit has a main process. EB fails a deployment if one of its processes has none.
fn has_process(subject: &Subject, unit: &'static str) -> Check {
    let pid = subject.main_pid(unit);
    let process = subject.engine.instance().root().join("proc").join(&pid);
    let alive = pid.parse::<u32>().is_ok_and(|pid| pid > 0) && process.exists();
    Check::new(
        "a process that EB tracks does not run",
        alive,
        format!("{unit}: main pid {pid}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passed_scenario_has_a_note_about_parts_that_the_model_leaves_out() {
        assert_eq!(left_out(&[]), None);
        let note = left_out(&["`packages` in a.config".into(), "b".into()]);
        let said = note.filter(|note| note.ok && note.is_worth_saying());
        let said = said.map(|note| note.to_string());
        let expected = "note: the model leaves out parts of the bundle (`packages` in a.config; b)";
        assert_eq!(said.as_deref(), Some(expected));
    }
}
