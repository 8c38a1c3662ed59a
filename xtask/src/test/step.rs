//! A step of the tests.

use std::process::Command;

use crate::tools;

/// One command, or the reason why this machine can't run it.
pub struct Step {
    /// For people.
    pub name: &'static str,
    /// It passes if this succeeds.
    pub command: Command,
    /// Why it is left out.
    pub skip: Option<String>,
}

impl Step {
    /// A step that every machine can run.
    pub fn new(name: &'static str, command: Command) -> Self {
        Self {
            name,
            command,
            skip: None,
        }
    }

    /// cargo with these words.
    pub fn cargo(name: &'static str, words: &[&str]) -> Self {
        let mut cargo = tools::cargo();
        cargo.args(words);
        Self::new(name, cargo)
    }
}
