//! What follows when the front can't use a configuration in the flip.

use anyhow::Result;
use flipless_settings::layout;

use super::{good, unit};
use crate::instance::paths::{DROP_INS, RUNTIME_UNITS};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::units;

/// After a failure: takes what EB has just copied out of /etc/nginx, so that nginx can start again and the next
/// deployment finds what nginx last loaded. A front that does not run then gives the port to EB's own nginx.
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
            "nginx does not run, and port and files could not be given back: {why:#}"
        )),
    }
}

/// EB's own nginx gets the public port; the server stays behind it, as it was. The next deployment's `stage`
/// brings the stand-in back.
fn give_port_back(system: &System) -> Result<()> {
    let systemd = Systemd::new(system);
    systemd.disable(layout::FRONT)?;
    systemd.disable(layout::FRONT_SOCKET)?;
    unit::end(system)?;
    for place in [DROP_INS, RUNTIME_UNITS] {
        let path = format!("{place}/{}.d/{}", layout::NGINX, layout::DROP_IN);
        units::remove(system, &path)?;
    }
    systemd.reload_units()?;
    // The stand-in waits for this command in its start: a start job of now would be that one.
    systemd.start_soon(layout::NGINX)
}
