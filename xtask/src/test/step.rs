//! A step of the tests.

use std::process::Command;

use crate::tools;

/// When a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Runs when all earlier steps have ended, except steps that run beside others.
    InOrder,
    /// Starts in its place in the order, and then runs beside the following steps. Such a step leaves much of the
    /// machine idle, and judges no latency.
    Beside,
    /// Runs while no other step runs. Such a step judges latencies.
    Alone,
}

/// A step: one command, or the reason why this machine can't run it.
pub struct Step {
    /// The name for people.
    pub name: &'static str,
    /// The command. The step passes if the command succeeds.
    pub command: Command,
    /// The reason to skip the step.
    pub skip: Option<String>,
    /// When the step runs.
    pub turn: Turn,
    /// Whether the step has time limits that must not expire, such as the time of a dead man's switch. After an urgent
    /// step has started beside others, the following steps get a low priority, unless they are urgent, too.
    pub urgent: bool,
}

impl Step {
    /// Makes a step that runs in order, and that every machine can run.
    pub fn new(name: &'static str, command: Command) -> Self {
        Self {
            name,
            command,
            skip: None,
            turn: Turn::InOrder,
            urgent: false,
        }
    }

    /// Makes a step that runs cargo with these arguments.
    pub fn cargo(name: &'static str, words: &[&str]) -> Self {
        let mut cargo = tools::cargo();
        cargo.args(words);
        Self::new(name, cargo)
    }
}
