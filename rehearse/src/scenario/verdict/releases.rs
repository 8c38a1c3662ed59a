//! Which release serves, and whether the previous one has ended.

use std::time::Duration;

use crate::engine::Variants;
use crate::engine::variants::AtBoot;
use crate::machine::wait_for;
use crate::record::Outcome;
use crate::scenario::check::Check;
use crate::scenario::expectation::After;
use crate::scenario::script::Scenario;
use crate::scenario::status::Status;
use crate::scenario::subject::Subject;

/// How long a replaced run may drain. Its unit ends soon after its longest request, or after a deadline.
const DRAINED: Duration = Duration::from_secs(100);

pub(super) fn of(scenario: &Scenario, subject: &Subject, before: &Status) -> Vec<Check> {
    let after = subject.status();
    let name = |name: Option<String>| name.unwrap_or_else(|| "none".into());
    let mut checks = Vec::new();
    let changed = after.release() != before.release();
    let change = |before, after| format!("{} before, {} now", name(before), name(after));
    let releases = change(before.release(), after.release());
    let runs = change(before.run(), after.run());
    if before.is_there() {
        checks.extend(
            match expected(scenario.after, &subject.parameters.variants) {
                After::Another => Some(Check::new(
                    "the current release did not change",
                    changed,
                    releases,
                )),
                After::Same => Some(Check::new(
                    "the current release changed",
                    !changed,
                    releases,
                )),
                After::SameRun | After::Rebooted => Some(Check::new(
                    "the current run changed",
                    after.run() == before.run(),
                    runs,
                )),
                After::Any => None,
            },
        );
    }
    checks.push(serves(subject, after.run()));
    let old = before
        .unit()
        .filter(|old| after.unit().as_ref() != Some(old));
    checks.extend(old.map(|old| is_gone(subject, &old)));
    checks
}

/// Returns the expectation for this variant. If EB deploys at a boot, a new run of the same release may serve.
fn expected(after: After, variants: &Variants) -> After {
    match after {
        After::Rebooted if variants.at_boot == AtBoot::Deploys => After::Same,
        after => after,
    }
}

/// Whether the instance answers. If the server reports its run, this must be the current run.
fn serves(subject: &Subject, current: Option<String>) -> Check {
    let fault = "the current run does not serve";
    match subject.ask() {
        Ok(answer) if answer.outcome == Outcome::Ok => {
            let fits = answer.run == current || answer.run.is_none();
            let run = answer
                .run
                .unwrap_or_else(|| "a server that does not report its run".into());
            Check::new(fault, fits, format!("{run} answered"))
        }
        Ok(answer) => Check::new(fault, false, format!("status {}", answer.status)),
        Err(error) => Check::new(fault, false, error.to_string()),
    }
}

fn is_gone(subject: &Subject, unit: &str) -> Check {
    let mut state = String::new();
    let gone = wait_for(DRAINED, || {
        state = subject.say(&format!("systemctl is-active {unit}"));
        matches!(state.as_str(), "inactive" | "failed").then_some(())
    });
    let ended = gone.is_some() && state == "inactive";
    Check::new(
        "the old run did not end cleanly",
        ended,
        format!("{unit} is {state}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::variants::{STANDARD, named};

    #[test]
    fn only_a_deployment_at_a_boot_may_start_another_run() {
        assert_eq!(expected(After::Rebooted, &STANDARD), After::Rebooted);
        let deploys = named("deploys-at-boot").unwrap_or(STANDARD);
        assert_eq!(expected(After::Rebooted, &deploys), After::Same);
        assert_eq!(expected(After::SameRun, &deploys), After::SameRun);
    }
}
