//! The result of one check of a scenario.

use std::fmt;

/// The result of one check of a scenario, or a note about the scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The fault that a failed check reports, or the text of the note.
    text: String,
    /// Whether the check passed.
    pub ok: bool,
    detail: String,
    note: bool,
}

impl Check {
    /// `fault` says what is wrong if the check fails: "the server was not restarted".
    pub(super) fn new(fault: impl Into<String>, ok: bool, detail: impl Into<String>) -> Self {
        Self {
            text: fault.into(),
            ok,
            detail: detail.into(),
            note: false,
        }
    }

    /// A note: the report shows the note, but the note does not fail the scenario.
    pub(super) fn note(text: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            note: true,
            ..Self::new(text, true, detail)
        }
    }

    /// Whether the report shows this check. It shows failed checks and notes.
    pub(super) fn is_worth_saying(&self) -> bool {
        self.note || !self.ok
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ok {
            true => write!(formatter, "note: {} ({})", self.text, self.detail),
            false => write!(formatter, "{}: {}", self.text, self.detail),
        }
    }
}
