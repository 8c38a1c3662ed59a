//! `run-ended`: a run's process has ended; its unit says how.

use anyhow::Result;
use flipless_settings::layout;

use crate::deployment::ends::{self, End};
use crate::deployment::state::State;
use crate::deployment::trial;
use crate::instance::output::plain;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// How systemd says that it ended (systemd.exec(5), `$SERVICE_RESULT` and `$EXIT_STATUS`).
pub struct How {
    pub result: String,
    pub status: String,
}

/// Reads it from the environment that systemd sets for `ExecStopPost=`.
pub fn how() -> How {
    let value = |name| std::env::var(name).unwrap_or_default();
    How {
        result: value("SERVICE_RESULT"),
        status: value("EXIT_STATUS"),
    }
}

/// Notes the end. Takes no lock and decides nothing: the restart waits for this, and a deployment may
/// hold the lock for long. The way back, if it is due, is another unit's.
pub fn run_ended(system: &System, run: &str, how: &How) -> Result<()> {
    let systemd = Systemd::new(system);
    let unit = layout::app_unit(run);
    let end = End {
        uptime: system.commands().uptime(),
        result: how.result.clone(),
        status: how.status.clone(),
        // An end is noted also when systemd can't be asked about it.
        asked: systemd.is_asked_to_stop(&unit).unwrap_or(true),
        said: plain(&systemd.property(&unit, "StatusText").unwrap_or_default()),
    };
    let crash = end.is_crash();
    ends::note(system, run, end)?;
    if crash && trial::failed(system, &State::load(system)?)?.is_some() {
        systemd.start_later(layout::RECOVER)?;
    }
    Ok(())
}
