//! The parts of a bundle that the model does not carry out: programs that a placeholder replaces (`model/placeholder`),
//! and hooks that the rehearsal leaves out.

use std::fs;
use std::io;

use super::error::EngineError;
use super::skipped::is_skipped;
use super::{Engine, Step};
use crate::machine::Instance;

/// Placeholders add a line to this file for each command that they did not run.
const FILE: &str = "/opt/elasticbeanstalk/model/not-run";

impl<I: Instance> Engine<I> {
    /// Leaves out the hooks that one of these patterns matches; see [`is_skipped`](super::is_skipped).
    pub fn skip_hooks(&mut self, patterns: &[String]) {
        self.skipped_hooks = patterns.to_vec();
    }

    /// Whether the engine leaves out this hook of the bundle.
    pub(super) fn skips(&self, hook: &str) -> bool {
        let mut patterns = self.skipped_hooks.iter();
        patterns.any(|pattern| is_skipped(pattern, hook))
    }

    /// Adds to the history the commands that placeholders did not run since the last call. `place` is the hook or
    /// command that called the placeholders.
    pub(super) fn note_not_run(&mut self, place: &str) -> Step {
        let path = self.path(FILE);
        let noted = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            text => text.and_then(|text| fs::write(&path, "").map(|()| text)),
        };
        let noted = noted.map_err(|error| EngineError::Instance(path, error))?;
        for line in noted.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.leave_out(format!("{place}: {line}"))?;
        }
        Ok(())
    }
}
