//! Faults for rehearsals. `FLIPLESS_TEST_START` and `FLIPLESS_TEST_START_DELAY_MS` select them.

use std::env;
use std::time::Duration;

use anyhow::{Context, bail};

/// The fault of this version.
#[derive(Debug, Default)]
pub struct Trouble {
    delay: Duration,
    start: Start,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Start {
    #[default]
    Good,
    Crash,
    Hang,
    Unhealthy,
}

impl Trouble {
    /// Reads the variables. Without them, the version has no fault.
    pub fn from_env() -> anyhow::Result<Self> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let delay = match set("FLIPLESS_TEST_START_DELAY_MS") {
            Some(text) => text.parse().with_context(|| {
                format!(
                    "FLIPLESS_TEST_START_DELAY_MS={text:?} is not a whole number of milliseconds"
                )
            })?,
            None => 0,
        };
        let start = match set("FLIPLESS_TEST_START").as_deref() {
            None => Start::Good,
            Some("crash") => Start::Crash,
            Some("hang") => Start::Hang,
            Some("unhealthy") => Start::Unhealthy,
            Some(other) => {
                bail!("FLIPLESS_TEST_START={other:?} is not one of crash, hang and unhealthy")
            }
        };
        Ok(Self {
            delay: Duration::from_millis(delay),
            start,
        })
    }

    /// Delays, fails or hangs before the server listens, as the fault demands.
    pub async fn before_start(&self) -> anyhow::Result<()> {
        tokio::time::sleep(self.delay).await;
        match self.start {
            Start::Crash => bail!("crashed, because FLIPLESS_TEST_START is `crash`"),
            Start::Hang => std::future::pending().await,
            Start::Good | Start::Unhealthy => Ok(()),
        }
    }

    /// Whether the health check has to fail.
    pub fn is_unhealthy(&self) -> bool {
        self.start == Start::Unhealthy
    }
}
