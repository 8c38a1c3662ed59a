//! How runs ended: noted when a unit stops (`ExecStopPost=`), read by who judges a release.
//!
//! Counted here and not by systemd: EB's `reset-failed` sets its `NRestarts` to zero. Kept until the
//! next boot, in memory: a full disk does not hide a crash.

use anyhow::{Context, Result};
use flipless_settings::layout;
use serde::{Deserialize, Serialize};

use crate::instance::system::System;

/// As many as are kept of one run: the newest.
const KEPT: usize = 32;

/// One end of a run's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Seconds since boot.
    pub uptime: u64,
    /// `$SERVICE_RESULT` (systemd.exec(5)): `success`, `exit-code`, `signal`, `watchdog`, …
    pub result: String,
    /// `$EXIT_STATUS`: an exit status, or a signal's name; empty if systemd knows none.
    pub status: String,
    /// Whether it ended because systemd was asked to stop it.
    #[serde(default = "asked_for")]
    pub asked: bool,
    /// What the server said last of itself (`STATUS=` of sd_notify(3)).
    pub said: String,
}

impl End {
    /// Whether it ended by itself. A server has no reason to, also with a status of 0.
    pub fn is_crash(&self) -> bool {
        self.result != "success" || !self.asked
    }

    /// How it ended, for a sentence.
    pub fn how(&self) -> String {
        format!("{} {}", self.result, self.status).trim().to_owned()
    }
}

/// Of an end that an agent noted which did not look.
fn asked_for() -> bool {
    true
}

/// Notes an end.
pub fn note(system: &System, run: &str, end: End) -> Result<()> {
    let mut ends = of(system, run)?;
    ends.push(end);
    let newest = ends.split_off(ends.len().saturating_sub(KEPT));
    let content = serde_json::to_vec(&newest).context("cannot write how a run ended")?;
    system.write(path(run), &content, 0o600)
}

/// The ends of a run, oldest first; none that can't be read: they are no reason to fail.
pub fn of(system: &System, run: &str) -> Result<Vec<End>> {
    let content = system.read(path(run))?.unwrap_or_default();
    Ok(serde_json::from_slice(&content).unwrap_or_default())
}

/// Forgets the ends of runs that `keep` does not want.
pub fn prune(system: &System, keep: impl Fn(&str) -> bool) -> Result<()> {
    for run in system.names(folder())? {
        if !keep(&run) {
            system.remove(path(&run))?;
        }
    }
    Ok(())
}

fn folder() -> String {
    format!("{}/ends", layout::RUNTIME)
}

fn path(run: &str) -> String {
    format!("{}/{run}", folder())
}
