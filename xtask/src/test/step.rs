//! A step of the tests.

use std::process::Command;

use crate::tools;

/// When a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// After the one before it.
    InOrder,
    /// From its place in the order on, beside those that follow: it mostly waits, and judges no latency.
    Beside,
    /// When no other runs: it judges latencies.
    Alone,
}

/// One command, or the reason why this machine can't run it.
pub struct Step {
    /// For people.
    pub name: &'static str,
    /// It passes if this succeeds.
    pub command: Command,
    /// Why it is left out.
    pub skip: Option<String>,
    /// When it runs.
    pub turn: Turn,
}

impl Step {
    /// A step in its order, which every machine can run.
    pub fn new(name: &'static str, command: Command) -> Self {
        Self {
            name,
            command,
            skip: None,
            turn: Turn::InOrder,
        }
    }

    /// cargo with these words.
    pub fn cargo(name: &'static str, words: &[&str]) -> Self {
        let mut cargo = tools::cargo();
        cargo.args(words);
        Self::new(name, cargo)
    }
}
