//! Restores nginx if the front can't use the new configuration in the flip.

use anyhow::Result;
use flipless_settings::layout;

use super::{good, unit};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::units;

/// Restores the last configuration that nginx has loaded. If the front does not run, starts it with this configuration.
/// If this start fails, or if there was no configuration to restore, gives the public port to EB's own nginx. Returns
/// `error`, and adds to it whether the front was started or the port was given back.
pub fn after(system: &System, error: anyhow::Error) -> anyhow::Error {
    let fallen = good::restore(system).and_then(|restored| {
        if Systemd::new(system).is_active(layout::FRONT)? {
            return Ok("");
        }
        if restored && unit::start(system).is_ok() {
            return Ok("nginx was started with the previous configuration");
        }
        give_port_back(system).map(|()| "the public port was given back to EB's own nginx")
    });
    match fallen {
        Ok("") => error,
        Ok(did) => error.context(did),
        Err(why) => error.context(format!(
            "flipless can't restore nginx's files, or can't give the public port back to EB's nginx: {why:#}"
        )),
    }
}

/// Gives the public port to EB's own nginx, which passes requests to the same server. In the next deployment,
/// `stage` installs the stand-in again.
fn give_port_back(system: &System) -> Result<()> {
    let systemd = Systemd::new(system);
    systemd.disable(layout::FRONT)?;
    systemd.disable(layout::FRONT_SOCKET)?;
    unit::end(system)?;
    units::remove_drop_in(system, layout::NGINX)?;
    systemd.reload_units()?;
    // This command runs during the start of nginx.service, so systemd would merge another start job with the running
    // one.
    systemd.start_soon(layout::NGINX)
}
