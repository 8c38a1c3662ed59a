//! Performs the steps of a soak.

use std::time::Duration;

use flipless_settings::layout;

use super::act::Act;
use super::failure::Failure;
use super::fault::Fault;
use super::plan::Step;
use super::versions::{PROPERTY, Versions};
use crate::clock::Window;
use crate::engine::Deployment;
use crate::scenario::error::ScenarioError;
use crate::scenario::subject::Subject;

const FLIP: &str = "FlipApplication";

/// The result of a step.
#[derive(Debug)]
pub(super) struct Done {
    pub window: Window,
    /// When EB's flip began.
    pub flip: Option<Duration>,
    /// Why the step failed.
    pub failure: Option<Failure>,
}

/// The instance, and the versions for it.
#[derive(Debug)]
pub(super) struct Performer<'a> {
    pub subject: &'a mut Subject,
    pub versions: &'a Versions,
    /// The number of the nginx configuration.
    pub proxy: u32,
}

impl Performer<'_> {
    /// Performs a step. `number` is the number of the new version, or the new value of the property.
    pub fn perform(&mut self, step: &Step, number: u32) -> Result<Done, ScenarioError> {
        if let Some(Fault::EngineDies(before)) = step.fault {
            self.subject.engine.abort_before(before);
        }
        let done = match step.act {
            Act::Version | Act::Proxy | Act::LateHook | Act::AbortedFlip | Act::PostHook => {
                self.deploy(number, step.act.hook())?
            }
            Act::Abort => self.abort(number)?,
            Act::Property => {
                let value = number.to_string();
                let engine = &mut self.subject.engine;
                of_engine(engine.configure(&[(PROPERTY, Some(&value))]))
            }
            Act::Restart => of_engine(self.subject.engine.restart_app_server()),
            Act::Rollback => self.by_hand("rollback"),
        };
        self.subject.engine.abort_no_more();
        Ok(done)
    }

    fn deploy(&mut self, number: u32, hook: Option<(&str, &str)>) -> Result<Done, ScenarioError> {
        let bundle = self.versions.make(number, self.proxy, hook)?;
        Ok(of_engine(self.subject.engine.deploy(&bundle)))
    }

    /// The engine stops after the staging. A person then calls `flipless abort`.
    fn abort(&mut self, number: u32) -> Result<Done, ScenarioError> {
        self.subject.engine.abort_before(Act::ABORTED_BEFORE);
        let deployment = self.deploy(number, None)?;
        let abort = self.by_hand("abort");
        let window = Window {
            start: deployment.window.start,
            end: abort.window.end,
        };
        Ok(Done {
            window,
            failure: abort.failure.or(deployment.failure),
            flip: deployment.flip,
        })
    }

    fn by_hand(&self, command: &str) -> Done {
        let start = self.subject.clock.now();
        let outcome = self.subject.must(&format!("{} {command}", layout::AGENT));
        Done {
            window: Window {
                start,
                end: self.subject.clock.now(),
            },
            flip: None,
            failure: outcome.err().map(Failure::ByHand),
        }
    }
}

fn of_engine(deployment: Deployment) -> Done {
    let mut instructions = deployment.instructions.iter();
    let flip = instructions.find(|instruction| instruction.name == FLIP);
    Done {
        window: deployment.window,
        flip: flip.map(|flip| flip.start),
        failure: deployment.outcome.err().map(Failure::Engine),
    }
}
