//! One thing that had to be so, and whether it was.

use std::fmt;

/// One thing that had to be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    name: &'static str,
    /// Whether it was.
    pub ok: bool,
    detail: String,
    note: bool,
}

impl Check {
    pub(super) fn new(name: &'static str, ok: bool, detail: impl Into<String>) -> Self {
        Self {
            name,
            ok,
            detail: detail.into(),
            note: false,
        }
    }

    /// Something to say of a scenario that went well.
    pub(super) fn note(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            note: true,
            ..Self::new(name, true, detail)
        }
    }

    /// What failed, and notes.
    pub(super) fn is_worth_saying(&self) -> bool {
        self.note || !self.ok
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ok {
            true => write!(formatter, "{} ({})", self.name, self.detail),
            false => write!(
                formatter,
                "expected that {}, found: {}",
                self.name, self.detail
            ),
        }
    }
}
