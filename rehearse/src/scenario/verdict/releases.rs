//! Which release serves, and whether the previous one has ended.

use std::time::Duration;

use super::super::stage::{Stage, Status};
use super::super::{After, Scenario};
use super::Check;
use crate::machine::wait_for;
use crate::record::Outcome;

/// A replaced run drains first: its unit ends a little after the longest request, or deadline.
const DRAINED: Duration = Duration::from_secs(100);

pub(super) fn of(scenario: &Scenario, stage: &Stage, before: &Status) -> Vec<Check> {
    let after = stage.status();
    let name = |name: Option<String>| name.unwrap_or_else(|| "none".into());
    let mut checks = Vec::new();
    let changed = after.release() != before.release();
    let releases = format!("{} after {}", name(after.release()), name(before.release()));
    let runs = format!("{} after {}", name(after.run()), name(before.run()));
    if before.is_there() {
        checks.extend(match scenario.after {
            After::Another => Some(Check::new("another release is current", changed, releases)),
            After::Same => Some(Check::new(
                "the same release is current",
                !changed,
                releases,
            )),
            After::SameRun => Some(Check::new(
                "the same run is current",
                after.run() == before.run(),
                runs,
            )),
            After::Any => None,
        });
    }
    checks.push(serves(stage, after.run()));
    let old = before
        .unit()
        .filter(|old| after.unit().as_ref() != Some(old));
    checks.extend(old.map(|old| is_gone(stage, &old)));
    checks
}

/// The instance answers, and if the server says which run it is, it's the current one.
fn serves(stage: &Stage, current: Option<String>) -> Check {
    let name = "the current release serves";
    match stage.ask() {
        Ok(answer) if answer.outcome == Outcome::Ok => {
            let fits = answer.run == current || answer.run.is_none();
            let run = answer
                .run
                .unwrap_or_else(|| "a server that does not say its run".into());
            Check::new(name, fits, format!("{run} answered"))
        }
        Ok(answer) => Check::new(name, false, format!("status {}", answer.status)),
        Err(error) => Check::new(name, false, error.to_string()),
    }
}

fn is_gone(stage: &Stage, unit: &str) -> Check {
    let mut state = String::new();
    let gone = wait_for(DRAINED, || {
        state = stage.say(&format!("systemctl is-active {unit}"));
        matches!(state.as_str(), "inactive" | "failed").then_some(())
    });
    let ended = gone.is_some() && state == "inactive";
    Check::new(
        "the old release has ended",
        ended,
        format!("{unit} is {state}"),
    )
}
