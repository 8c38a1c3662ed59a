//! The alarm: the web stand-in reports failure, so that EB's health shows what `status` says.

use anyhow::Result;
use flipless_settings::layout;

use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Why; the stand-in reads it as the application's user. Gone with a reboot.
pub const FILE: &str = "/run/flipless/alarm";
/// Made at the first start of web.service in this boot, which is no "restart app server".
pub const WEB_STARTED: &str = "/run/flipless/web-started";
/// Whether systemd itself starts the stand-in again: it counts that, and forgets it at a start that was
/// asked for.
pub fn restarted_by_systemd(system: &System) -> Result<bool> {
    Ok(Systemd::new(system).property(layout::WEB, "NRestarts")? != "0")
}

/// Has the stand-in report failure: it ends, systemd starts it again, and it fails for good
/// ([`layout::ALARM_EXIT`]). Nothing that serves is touched.
pub fn raise(system: &System, reason: &str) -> Result<()> {
    system.write(FILE, format!("{reason}\n").as_bytes(), 0o644)?;
    let systemd = Systemd::new(system);
    match systemd.is_active(layout::WEB)? {
        true => systemd.terminate(layout::WEB),
        false => Ok(()),
    }
}

/// Whether the stand-in reports failure, and why.
pub fn reason(system: &System) -> Result<Option<String>> {
    let text = system.read(FILE)?;
    Ok(text.map(|text| String::from_utf8_lossy(&text).trim().to_owned()))
}

/// The reason that a stand-in of `web` reports when it starts now, instead of waiting. The stand-in runs as
/// the application's user, and so reads the file alone.
pub fn to_show() -> Option<String> {
    std::fs::read_to_string(FILE).ok()
}

/// Ends the alarm: a new version is about to become current, or the start of the stand-in was requested.
pub fn clear(system: &System) -> Result<()> {
    system.remove(FILE)
}

/// Another version serves by a person's wish: the stand-in is started again.
pub fn end(system: &System) -> Result<()> {
    if !system.exists(FILE) {
        return Ok(());
    }
    clear(system)?;
    let systemd = Systemd::new(system);
    if systemd.state(layout::WEB)? != "failed" {
        return Ok(());
    }
    // This start is ours, and no wish for a restart of the server.
    system.remove(WEB_STARTED)?;
    systemd.forget_failure(layout::WEB)?;
    systemd.start_later(layout::WEB)
}
