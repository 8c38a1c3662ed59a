//! Bad versions, for rehearsals: `FLIPLESS_TEST_START` and `FLIPLESS_TEST_START_DELAY_MS`.

use std::env;
use std::time::Duration;

use anyhow::{Context, bail};

/// How this version is bad.
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
    /// Reads the variables; none is no trouble.
    pub fn from_env() -> anyhow::Result<Self> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let delay = match set("FLIPLESS_TEST_START_DELAY_MS") {
            Some(text) => text.parse().with_context(|| {
                format!("FLIPLESS_TEST_START_DELAY_MS={text:?}: milliseconds are needed")
            })?,
            None => 0,
        };
        let start = match set("FLIPLESS_TEST_START").as_deref() {
            None => Start::Good,
            Some("crash") => Start::Crash,
            Some("hang") => Start::Hang,
            Some("unhealthy") => Start::Unhealthy,
            Some(other) => {
                bail!("FLIPLESS_TEST_START={other:?}: crash, hang or unhealthy is allowed")
            }
        };
        Ok(Self {
            delay: Duration::from_millis(delay),
            start,
        })
    }

    /// Is slow, ends or never does, before the server listens.
    pub async fn before_start(&self) -> anyhow::Result<()> {
        tokio::time::sleep(self.delay).await;
        match self.start {
            Start::Crash => bail!("crashed, as FLIPLESS_TEST_START asks for"),
            Start::Hang => std::future::pending().await,
            Start::Good | Start::Unhealthy => Ok(()),
        }
    }

    /// Whether the health check is to fail.
    pub fn is_unhealthy(&self) -> bool {
        self.start == Start::Unhealthy
    }
}
