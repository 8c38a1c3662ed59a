//! Judges whether a step went as planned. The tally judges the clients' requests.

use std::time::Duration;

use super::failure::Failure;
use super::fault::{Fault, Victim};
use super::ledger::{Ledger, Outcome};
use super::plan::Step;
use super::versions::Label;
use crate::record::Record;

/// How a command ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<'a> {
    /// Whether EB has renamed the folder.
    pub flipped: bool,
    /// Why the command failed.
    pub failure: Option<&'a Failure>,
    /// Whether the kill of the step has hit a process.
    pub hit: bool,
}

impl End<'_> {
    pub fn outcome(&self) -> Outcome {
        Outcome {
            succeeded: self.failure.is_none(),
            flipped: self.flipped,
        }
    }
}

/// Returns whether the command ended as planned. A command in which the kill of an agent, a staged server or nginx has
/// hit a process may also fail because of the kill.
pub(super) fn is_as_planned(step: &Step, previous: Option<Label>, end: End) -> bool {
    let planned = Ledger::planned(step.act, previous);
    let is_of_the_act = || end.failure.is_none_or(|failure| failure.is_of(step.act));
    let as_planned = || end.outcome() == planned && is_of_the_act();
    match step.fault {
        Some(Fault::EngineDies(before)) => {
            let stops = |failure: &Failure| failure.is_a_stop_before(before);
            end.failure.is_some_and(stops) && end.flipped == is_behind_the_flip(before)
        }
        Some(Fault::Kill(kill)) if end.hit && kill.victim != Victim::Server => {
            let of_the_kill = end.failure.is_some_and(Failure::may_come_of_a_kill);
            as_planned() || of_the_kill && (planned.flipped || !end.flipped)
        }
        _ => as_planned(),
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
    use crate::engine::EngineError;
    use crate::record::{self, Kind};
    use crate::scenario::soak::act::Act;
    use crate::scenario::soak::fault::Kill;

    fn planned(act: Act, fault: Option<Fault>, end: End) -> bool {
        let step = Step {
            act,
            fault,
            renewal: None,
            variants: crate::engine::variants::STANDARD,
        };
        is_as_planned(&step, None, end)
    }

    fn kill(victim: Victim) -> Option<Fault> {
        Some(Fault::Kill(Kill {
            victim,
            nth: 1,
            after: Duration::ZERO,
        }))
    }

    fn hook(path: &str) -> Failure {
        Failure::Engine(EngineError::Hook {
            hook: path.into(),
            status: 137,
            output: String::new(),
        })
    }

    const STAGE: &str = ".platform/hooks/predeploy/~flipless-stage.sh";
    const COMMIT: &str = ".platform/hooks/postdeploy/!flipless-commit.sh";
    const SUCCESS: End = End {
        flipped: true,
        failure: None,
        hit: true,
    };

    fn failed(failure: &Failure, flipped: bool) -> End<'_> {
        End {
            flipped,
            failure: Some(failure),
            hit: true,
        }
    }

    #[test]
    fn only_a_killed_agent_staged_server_or_nginx_may_fail_a_deployment() {
        let commit = hook(COMMIT);
        let end = failed(&commit, true);
        assert!(planned(Act::Version, None, SUCCESS) && !planned(Act::Version, None, end));
        assert!(planned(Act::Version, kill(Victim::Server), SUCCESS));
        assert!(!planned(Act::Version, kill(Victim::Server), end));
        for victim in [Victim::Agent, Victim::Staged, Victim::Nginx] {
            assert!(planned(Act::Version, kill(victim), end), "{victim}");
            assert!(planned(Act::Version, kill(victim), SUCCESS), "{victim}");
        }
    }

    #[test]
    fn a_kill_without_a_victim_excuses_nothing() {
        let commit = hook(COMMIT);
        let end = End {
            hit: false,
            ..failed(&commit, true)
        };
        let success = End {
            hit: false,
            ..SUCCESS
        };
        for victim in [Victim::Agent, Victim::Staged, Victim::Nginx] {
            assert!(!planned(Act::Version, kill(victim), end), "{victim}");
            assert!(planned(Act::Version, kill(victim), success), "{victim}");
        }
    }

    #[test]
    fn an_engine_that_dies_has_flipped_or_not() {
        let dies = |before, end| planned(Act::Version, Some(Fault::EngineDies(before)), end);
        let stop = |before: &str| Failure::Engine(EngineError::Aborted(before.into()));
        let flip = stop("FlipApplication");
        assert!(dies("FlipApplication", failed(&flip, false)));
        assert!(!dies("FlipApplication", failed(&flip, true)));
        let track = stop("Track pids in healthd");
        assert!(dies("Track pids in healthd", failed(&track, true)));
        assert!(!dies("Track pids in healthd", SUCCESS));
        let stage = hook(STAGE);
        let end = failed(&stage, false);
        assert!(!dies("FlipApplication", end), "flipless's own hook failed");
    }

    #[test]
    fn a_step_that_must_fail_does_so_by_its_own_hook_or_by_a_kill() {
        let (late, stage) = (hook(".platform/hooks/predeploy/~~fails"), hook(STAGE));
        let (late, stage) = (failed(&late, false), failed(&stage, false));
        assert!(planned(Act::LateHook, None, late));
        assert!(!planned(Act::LateHook, None, stage));
        let agent = kill(Victim::Agent);
        assert!(planned(Act::LateHook, agent, late));
        assert!(planned(Act::LateHook, agent, stage));
        let commit = hook(COMMIT);
        let end = failed(&commit, true);
        assert!(!planned(Act::LateHook, agent, end), "it must not flip");
        assert!(!planned(Act::LateHook, agent, SUCCESS), "it must fail");
        let other = hook(".platform/hooks/predeploy/10_migrate");
        assert!(!planned(Act::LateHook, agent, failed(&other, false)));
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
