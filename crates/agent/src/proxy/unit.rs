//! Starts and ends the front's unit.

use std::time::Duration;

use anyhow::{Result, bail};
use flipless_settings::layout;

use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::wait::wait_for;

/// How long nginx may finish requests when it ends for good.
const END_LIMIT: Duration = Duration::from_secs(5);

/// Starts the front with its listener. On failure the error contains nginx's last lines.
pub fn start(system: &System) -> Result<()> {
    let systemd = Systemd::new(system);
    systemd.start(layout::FRONT_SOCKET)?;
    systemd.start(layout::FRONT).map_err(|error| {
        let lines = systemd.last_lines(layout::FRONT, 10);
        error.context(format!("nginx did not start:\n{lines}"))
    })
}

/// Ends the real nginx for good. nginx may finish its open requests for as long as EB's own nginx may at a stop
/// (`TimeoutStopSec=5`). Idle connections can't delay this any longer.
pub fn end(system: &System) -> Result<()> {
    let systemd = Systemd::new(system);
    // Stops the listener, too, so that it does not start the front again.
    systemd.stop_later(layout::FRONT_SOCKET)?;
    systemd.stop_later(layout::FRONT)?;
    let ended = wait_for(END_LIMIT, Duration::from_millis(50), || {
        let state = systemd.state(layout::FRONT)?;
        Ok(matches!(state.as_str(), "inactive" | "failed").then_some(()))
    })?;
    if ended.is_none() {
        systemd.terminate(layout::FRONT)?;
    }
    systemd.stop(layout::FRONT)?;
    systemd.stop(layout::FRONT_SOCKET)
}

/// Returns the pid of the front's master process.
pub fn master(system: &System) -> Result<u32> {
    let pid = Systemd::new(system).property(layout::FRONT, "MainPID")?;
    match pid.parse() {
        Ok(pid) if pid > 0 => Ok(pid),
        _ => bail!("{} is not running", layout::FRONT),
    }
}
