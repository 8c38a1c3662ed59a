//! The identity of this server process.

use std::time::{Instant, SystemTime};

/// The facts that do not change while the process lives.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The run of the release, or `none` outside an instance.
    pub run: String,
    /// The release: the part of the run's name before the counter.
    pub release: String,
    /// When the process started, in UTC: `2026-01-31T09:00:00Z`.
    pub started: String,
    began: Instant,
}

impl Identity {
    /// Reads `FLIPLESS_RUN` and the clock.
    pub fn of_this_process() -> Self {
        let run = std::env::var("FLIPLESS_RUN")
            .ok()
            .filter(|run| !run.is_empty());
        let run = run.unwrap_or_else(|| "none".to_owned());
        Self {
            release: release_of(&run).to_owned(),
            run,
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            began: Instant::now(),
        }
    }

    /// The whole seconds since the start.
    pub fn uptime_seconds(&self) -> u64 {
        self.began.elapsed().as_secs()
    }
}

fn release_of(run: &str) -> &str {
    run.rsplit_once('-').map_or(run, |(release, _)| release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_the_part_before_the_last_dash() {
        assert_eq!(release_of("3fa9c1d2e0b4-7"), "3fa9c1d2e0b4");
        assert_eq!(release_of("a-b-12"), "a-b");
        assert_eq!(release_of("none"), "none");
    }
}
