//! One clock for the load and the engine, so that the times of requests and instructions can be compared.

use std::time::{Duration, Instant};

/// A clock that shows the time since its start. Copies have the same start.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Returns a clock that shows zero now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The moment of the clock's start.
    pub fn zero(&self) -> Instant {
        self.0
    }

    /// The time since [`Clock::start`].
    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A period on a [`Clock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Window {
    /// The first moment of the period.
    pub start: Duration,
    /// The end. It is not part of the period.
    pub end: Duration,
}

impl Window {
    /// Returns whether `at` is inside the period.
    pub fn contains(&self, at: Duration) -> bool {
        (self.start..self.end).contains(&at)
    }

    /// Its length.
    pub fn length(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }
}
