//! The reason why a step of a soak failed, and who caused it.

use flipless_settings::layout;

use super::act::Act;
use crate::engine::EngineError;
use crate::scenario::error::ScenarioError;

/// The reason why a step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// EB's engine ended the command.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A command that a person ran on the instance failed.
    #[error(transparent)]
    ByHand(ScenarioError),
}

impl Failure {
    /// Returns whether the engine stopped before this instruction.
    pub fn is_a_stop_before(&self, instruction: &str) -> bool {
        matches!(self, Self::Engine(EngineError::Aborted(before)) if before == instruction)
    }

    /// Returns whether the act itself causes this failure.
    pub fn is_of(&self, act: Act) -> bool {
        match (act, self) {
            (Act::Abort, failure) => failure.is_a_stop_before(Act::ABORTED_BEFORE),
            // The flip fails, because its run has been discarded.
            (Act::AbortedFlip, Self::Engine(EngineError::Command { command, .. })) => {
                command.contains(layout::WEB)
            }
            (Act::LateHook | Act::PostHook, Self::Engine(EngineError::Hook { hook, .. })) => {
                act.hook().is_some_and(|(path, _)| path == hook)
            }
            // There may be no release to which a rollback can return.
            (Act::Rollback, Self::ByHand(_)) => true,
            _ => false,
        }
    }

    /// Returns whether the kill of an agent, a staged server or nginx can cause this failure: of a hook that calls the
    /// agent, of a command of EB that waits for a killed process, or of the agent itself. The engine does not refuse a
    /// version because of a kill, and the model does not break.
    pub fn may_come_of_a_kill(&self) -> bool {
        match self {
            Self::ByHand(_) => true,
            Self::Engine(EngineError::Hook { hook, .. }) => calls_the_agent(hook),
            Self::Engine(error) => matches!(
                error,
                EngineError::Command { .. }
                    | EngineError::Untracked { .. }
                    | EngineError::StillActive(_)
            ),
        }
    }
}

fn calls_the_agent(hook: &str) -> bool {
    let name = hook.rsplit('/').next().unwrap_or(hook);
    let aborting = Act::AbortedFlip.hook().map(|(path, _)| path);
    name.contains("flipless-") || aborting == Some(hook)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(path: &str) -> Failure {
        Failure::Engine(EngineError::Hook {
            hook: path.into(),
            status: 137,
            output: String::new(),
        })
    }

    #[test]
    fn a_failure_belongs_to_the_act_that_plans_it() {
        let path = |act: Act| act.hook().map_or("", |(path, _)| path);
        for act in [Act::LateHook, Act::PostHook] {
            assert!(hook(path(act)).is_of(act));
            assert!(!hook(".platform/hooks/predeploy/~flipless-stage.sh").is_of(act));
        }
        assert!(!hook(path(Act::PostHook)).is_of(Act::LateHook));
        let stop = Failure::Engine(EngineError::Aborted("stop X-Ray".into()));
        assert!(stop.is_of(Act::Abort) && !stop.is_of(Act::AbortedFlip));
        let killed = Failure::ByHand(ScenarioError::Command("abort".into(), "Killed".into()));
        assert!(!killed.is_of(Act::Abort) && killed.is_of(Act::Rollback));
        let start = |unit| {
            Failure::Engine(EngineError::Command {
                command: format!("systemctl start {unit}"),
                status: 1,
                output: String::new(),
            })
        };
        assert!(start("web.service").is_of(Act::AbortedFlip));
        assert!(!start("nginx.service").is_of(Act::AbortedFlip));
        assert!(!start("web.service").is_of(Act::Version));
    }

    #[test]
    fn a_kill_of_the_agent_fails_only_what_needs_the_agent() {
        for path in [
            ".platform/hooks/predeploy/~flipless-stage.sh",
            ".platform/confighooks/postdeploy/!flipless-commit.sh",
            ".platform/hooks/predeploy/~~abort",
        ] {
            assert!(hook(path).may_come_of_a_kill(), "{path}");
        }
        assert!(!hook(".platform/hooks/postdeploy/10_migrate").may_come_of_a_kill());
        let refused = EngineError::Refused("no Procfile".into());
        assert!(!Failure::Engine(refused).may_come_of_a_kill());
        let broken = std::io::Error::other("the model is broken");
        let broken = EngineError::Instance("/".into(), broken);
        assert!(!Failure::Engine(broken).may_come_of_a_kill());
    }
}
