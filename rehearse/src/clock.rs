//! One clock for the load and the engine, so that requests and instructions line up.

use std::time::{Duration, Instant};

/// Time since the run began; copies share the beginning.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that shows zero now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The moment at which it showed zero.
    pub fn zero(&self) -> Instant {
        self.0
    }

    /// The time since [`Clock::start`].
    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A stretch of time on a run's [`Clock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Window {
    /// Its first moment.
    pub start: Duration,
    /// The moment after its last.
    pub end: Duration,
}

impl Window {
    /// Whether `at` lies inside.
    pub fn contains(&self, at: Duration) -> bool {
        (self.start..self.end).contains(&at)
    }

    /// Its length.
    pub fn length(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }
}
