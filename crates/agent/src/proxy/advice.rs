//! An error with what to do about it.

use std::fmt;

/// Why a configuration is refused, and the hint that `main` prints last.
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
