//! `run-ended`: records how a process of a run has ended.

use anyhow::Result;
use flipless_settings::layout;

use crate::deployment::ends::{self, End};
use crate::deployment::state::State;
use crate::deployment::trial;
use crate::instance::output::plain;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// The way in which a process has ended: `$SERVICE_RESULT` and `$EXIT_STATUS` of systemd.exec(5).
pub struct How {
    pub result: String,
    pub status: String,
}

/// Reads both values from the environment that systemd sets for `ExecStopPost=`.
pub fn how() -> How {
    let value = |name| std::env::var(name).unwrap_or_default();
    How {
        result: value("SERVICE_RESULT"),
        status: value("EXIT_STATUS"),
    }
}

/// Records this end of the run. If the trial has failed, requests the start of the unit that rolls back. Takes no lock:
/// systemd restarts the server only after this command, and a deployment may hold the lock for a long time.
pub fn run_ended(system: &System, run: &str, how: &How) -> Result<()> {
    let systemd = Systemd::new(system);
    let unit = layout::app_unit(run);
    // One call: systemd starts the server again only after this command, and answers no call during a reload of its
    // units. If systemd does not answer at all, assumes that the stop was requested, and still records the end.
    let shown = systemd.properties(&unit, ["Job", "StatusText"]);
    let [job, said] = shown.unwrap_or_else(|_| ["unknown".into(), String::new()]);
    let end = End {
        uptime: system.commands().uptime(),
        result: how.result.clone(),
        status: how.status.clone(),
        // During a requested stop, the unit has a job (`Job` in org.freedesktop.systemd1(5)).
        asked: !job.is_empty(),
        said: plain(&said),
    };
    let crash = end.is_crash();
    ends::note(system, run, end)?;
    if crash && trial::failed(system, &State::load(system)?)?.is_some() {
        systemd.start_later(layout::RECOVER)?;
    }
    Ok(())
}
