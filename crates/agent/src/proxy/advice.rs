//! An error with a hint.

use std::fmt;

/// The reason to refuse a configuration, and the hint that the report prints last.
#[derive(Debug)]
pub struct Advice {
    pub reason: String,
    pub hint: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for Advice {}
