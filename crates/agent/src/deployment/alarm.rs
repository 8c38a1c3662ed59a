//! The alarm: while its file exists, the stand-in of the server fails, so that EB's health shows an
//! automatic rollback, or a certificate that expires soon.

use anyhow::Result;
use flipless_settings::layout;

use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// The file of the alarm, with the reason. The stand-in reads this file as the application's user. A reboot removes the
/// file.
pub const FILE: &str = "/run/flipless/alarm";
/// The file that the first start of web.service in a boot creates. Only a later start can be EB's
/// "restart app server".
pub const WEB_STARTED: &str = "/run/flipless/web-started";

/// Returns whether the last start of the stand-in was an automatic restart (`Restart=`). systemd counts these restarts
/// in `NRestarts`, and resets the count when a start is requested.
pub fn restarted_by_systemd(system: &System) -> Result<bool> {
    Ok(Systemd::new(system).property(layout::WEB, "NRestarts")? != "0")
}

/// Raises the alarm: writes its file, and ends the stand-in. systemd then restarts the stand-in, which exits with
/// [`layout::ALARM_EXIT`] and stays failed. The server and nginx continue to run.
pub fn raise(system: &System, reason: &str) -> Result<()> {
    system.write(FILE, format!("{reason}\n").as_bytes(), 0o644)?;
    let systemd = Systemd::new(system);
    match systemd.is_active(layout::WEB)? {
        true => systemd.terminate(layout::WEB),
        false => Ok(()),
    }
}

/// Returns the reason of the alarm; `None` if there is no alarm.
pub fn reason(system: &System) -> Result<Option<String>> {
    let text = system.read(FILE)?;
    Ok(text.map(|text| String::from_utf8_lossy(&text).trim().to_owned()))
}

/// Returns the reason with which the stand-in of `web` has to exit; `None` if there is no alarm. The stand-in runs as
/// the application's user, so this function reads no other file.
pub fn to_show() -> Option<String> {
    std::fs::read_to_string(FILE).ok()
}

/// Removes the alarm's file.
pub fn clear(system: &System) -> Result<()> {
    system.remove(FILE)
}

/// Ends the alarm after a deployment, rollback or restart: removes its file, and starts the failed stand-in.
pub fn end(system: &System) -> Result<()> {
    if !system.exists(FILE) {
        return Ok(());
    }
    clear(system)?;
    let systemd = Systemd::new(system);
    if systemd.state(layout::WEB)? != "failed" {
        return Ok(());
    }
    // Without this file, `web-started` treats the start as the first one in this boot, not as a "restart app server".
    system.remove(WEB_STARTED)?;
    systemd.forget_failure(layout::WEB)?;
    systemd.start_later(layout::WEB)
}
