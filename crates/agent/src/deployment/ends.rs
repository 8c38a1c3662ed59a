//! How the processes of a run ended. `run-ended` records each end (`ExecStopPost=`), and the trial of a release counts
//! the crashes among these ends.
//!
//! systemd's own count, `NRestarts`, is not enough, because EB's `reset-failed` sets it to zero. The records are in
//! memory (`/run`) until the next boot, so that a full disk does not hide a crash.

use anyhow::{Context, Result};
use flipless_settings::layout;
use serde::{Deserialize, Serialize};

use crate::instance::system::System;

/// How many ends of each run are kept. The oldest are dropped.
const KEPT: usize = 32;

/// One end of a run's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Seconds since boot.
    pub uptime: u64,
    /// `$SERVICE_RESULT` (systemd.exec(5)): `success`, `exit-code`, `signal`, `watchdog`, …
    pub result: String,
    /// `$EXIT_STATUS`: an exit status, or a signal's name; empty if systemd reports neither.
    pub status: String,
    /// Whether the process ended because a stop of its unit was requested.
    #[serde(default = "asked_for")]
    pub asked: bool,
    /// The last status that the server reported (`STATUS=` of sd_notify(3)).
    pub said: String,
}

impl End {
    /// Returns whether the process failed or ended by itself. A server must not end by itself, even with exit status 0.
    pub fn is_crash(&self) -> bool {
        self.result != "success" || !self.asked
    }

    /// Describes how the process ended, for use in a sentence.
    pub fn how(&self) -> String {
        format!("{} {}", self.result, self.status).trim().to_owned()
    }
}

/// The default of `asked`, a field that the records of an older agent lack.
fn asked_for() -> bool {
    true
}

/// Records an end of a run.
pub fn note(system: &System, run: &str, end: End) -> Result<()> {
    let mut ends = of(system, run)?;
    ends.push(end);
    let newest = ends.split_off(ends.len().saturating_sub(KEPT));
    let content = serde_json::to_vec(&newest).context("cannot record how a run ended")?;
    system.write(path(run), &content, 0o600)
}

/// Returns the ends of a run, oldest first. A damaged record counts as empty, because it must not make a
/// command fail.
pub fn of(system: &System, run: &str) -> Result<Vec<End>> {
    let content = system.read(path(run))?.unwrap_or_default();
    Ok(serde_json::from_slice(&content).unwrap_or_default())
}

/// Removes the ends of every run for which `keep` returns false.
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
