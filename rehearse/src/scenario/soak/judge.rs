//! Judges whether a step went as planned. The tally judges the clients' requests.

use std::time::Duration;

use super::fault::{Fault, Victim};
use super::ledger::{Ledger, Outcome};
use super::plan::Step;
use super::versions::Label;
use crate::record::Record;

/// Returns whether the command ended as planned. The command may fail if an agent, a staged server or nginx was killed.
pub(super) fn is_as_planned(step: &Step, previous: Option<Label>, outcome: Outcome) -> bool {
    match step.fault {
        Some(Fault::EngineDies(before)) => {
            !outcome.succeeded && outcome.flipped == is_behind_the_flip(before)
        }
        Some(Fault::Kill(kill)) if kill.victim != Victim::Server => true,
        _ => Ledger::is_as_planned(step.act, previous, outcome),
    }
}

fn is_behind_the_flip(instruction: &str) -> bool {
    matches!(
        instruction,
        "start proxy with new configuration"
            | "Track pids in healthd"
            | "RunAppDeployPostDeployHooks"
    )
}

/// Counts the answers of a new run before `flip`. A run is new if its number is higher than all numbers in `before`. So
/// a draining run, which may still answer for a short time, does not count.
pub(super) fn early(records: &[Record], before: &[String], flip: Duration) -> usize {
    let newest = before.iter().filter_map(|run| number(run)).max();
    let is_new = |run: &String| newest.is_some() && number(run) > newest;
    let early = records.iter().filter(|record| {
        record.run.as_ref().is_some_and(is_new) && record.at + record.latency < flip
    });
    early.count()
}

/// Returns the number of a run (`RELEASE-N`).
fn number(run: &str) -> Option<u64> {
    run.rsplit_once('-')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{self, Kind};
    use crate::scenario::soak::act::Act;
    use crate::scenario::soak::fault::Kill;

    fn planned(fault: Option<Fault>, succeeded: bool, flipped: bool) -> bool {
        let step = Step {
            act: Act::Version,
            fault,
            renewal: None,
            variants: crate::engine::variants::STANDARD,
        };
        is_as_planned(&step, None, Outcome { succeeded, flipped })
    }

    fn kill(victim: Victim) -> Option<Fault> {
        Some(Fault::Kill(Kill {
            victim,
            nth: 1,
            after: Duration::ZERO,
        }))
    }

    #[test]
    fn only_a_killed_agent_or_nginx_may_fail_a_deployment() {
        assert!(planned(None, true, true) && !planned(None, false, false));
        assert!(planned(kill(Victim::Server), true, true));
        assert!(!planned(kill(Victim::Server), false, true));
        assert!(planned(kill(Victim::Agent), false, true));
        assert!(planned(kill(Victim::Nginx), false, true));
    }

    #[test]
    fn an_engine_that_dies_has_flipped_or_not() {
        let dies = |before| Some(Fault::EngineDies(before));
        assert!(planned(dies("FlipApplication"), false, false));
        assert!(!planned(dies("FlipApplication"), false, true));
        assert!(planned(dies("Track pids in healthd"), false, true));
        assert!(!planned(dies("Track pids in healthd"), true, true));
    }

    #[test]
    fn a_new_run_may_not_answer_before_the_flip() {
        let record = |at, run: &str| Record {
            at: Duration::from_secs(at),
            kind: Kind::New,
            latency: Duration::from_millis(10),
            outcome: record::Outcome::Ok,
            run: Some(run.into()),
            certificate: None,
        };
        let records = [
            record(1, "a-9"),
            record(1, "a-8"),
            record(2, "b-10"),
            record(6, "b-10"),
        ];
        let flip = Duration::from_secs(5);
        assert_eq!(early(&records, &["a-9".into()], flip), 1);
        assert_eq!(early(&records, &["a-9".into(), "b-10".into()], flip), 0);
        assert_eq!(
            early(&records, &[], flip),
            0,
            "a server that does not report its run"
        );
    }
}
