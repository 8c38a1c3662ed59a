//! The alarm: the web stand-in reports failure, so that EB's health shows what `status` says.

use anyhow::Result;
use flipless::layout;

use crate::system::System;
use crate::systemd::Systemd;

/// What the stand-in reads at its start, as the application's user; gone with a reboot.
pub const FILE: &str = "/run/flipless/alarm";
/// Made at the first start of web.service in this boot, which is no "restart app server".
pub const WEB_STARTED: &str = "/run/flipless/web-started";
/// EB's unit of the Procfile's `web`.
const WEB: &str = "web.service";

/// Has the stand-in report failure: it ends, and each new start of it fails, until systemd counts the
/// unit as failed. Nothing that serves is touched.
pub fn raise(system: &System, reason: &str) -> Result<()> {
    system.write(FILE, format!("{reason}\n").as_bytes(), 0o644)?;
    let systemd = Systemd::new(system);
    match systemd.is_active(WEB)? {
        true => systemd.terminate(WEB),
        false => Ok(()),
    }
}

/// Whether the stand-in reports failure, and why.
pub fn reason(system: &System) -> Result<Option<String>> {
    let text = system.read(FILE)?;
    Ok(text.map(|text| String::from_utf8_lossy(&text).trim().to_owned()))
}

/// A new version is about to be flipped: EB starts the stand-in itself.
pub fn clear(system: &System) -> Result<()> {
    system.remove(FILE)
}

/// Another version serves: the stand-in, if it has failed, is started again.
pub fn end(system: &System) -> Result<()> {
    if !system.exists(FILE) {
        return Ok(());
    }
    clear(system)?;
    let systemd = Systemd::new(system);
    if systemd.state(WEB)? != "failed" {
        return Ok(());
    }
    // This start is ours, and no wish for a restart of the server.
    system.remove(WEB_STARTED)?;
    system.make_folder(layout::RUNTIME)?;
    systemd.forget_failure(WEB)?;
    systemd.start_later(WEB)
}
