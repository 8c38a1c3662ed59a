//! Gives the instance back to stock Elastic Beanstalk: for `uninstall`, and for a discarded first version.

use anyhow::Result;
use flipless_settings::layout;

use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::units;
use crate::proxy::{staged, unit};

/// How to treat EB's nginx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nginx {
    /// Leaves it alone, because the front never replaced it.
    IsEbs,
    /// EB has stopped the stand-in, and will start nginx itself.
    IsStopped,
    /// Starts it on the public port now.
    Restarts,
}

/// Stops every unit of flipless and removes the unit files and drop-ins.
///
/// A second call completes an interrupted one. So the unit of the dead man's switch and the drop-in of
/// web.service, which both call the agent again, are removed last. The service of the dead man's switch is not
/// stopped, because it may be the caller.
pub fn give_back(system: &System, nginx: Nginx) -> Result<()> {
    // Reads the port before it stops anything: without the port it can't restore EB's configuration.
    let port = system.settings()?.server.port;
    let systemd = Systemd::new(system);
    if nginx == Nginx::Restarts {
        // Stops the stand-in before it removes the drop-in. Without the drop-in, the stop would kill the real
        // nginx.
        systemd.stop(layout::NGINX)?;
    }
    units::remove_drop_in(system, layout::NGINX)?;
    systemd.reload_units()?;
    stop_units(system, &systemd)?;
    if nginx != Nginx::IsEbs {
        staged::restore_configuration(system, port)?;
    }
    if nginx == Nginx::Restarts {
        systemd.start(layout::NGINX)?;
    }
    remove_units(system, &systemd)?;
    units::remove_drop_in(system, layout::WEB)?;
    systemd.reload_units()
}

/// Stops the listeners first, so that no connection starts a service again. The front needs [`unit::end`]: a
/// plain stop of its listener would also stop the front, and would wait for the front's own time limit.
fn stop_units(system: &System, systemd: &Systemd) -> Result<()> {
    let mut living = systemd.living_units("flipless-*")?;
    living.sort_by_key(|unit| !unit.ends_with(".socket"));
    if living.iter().any(|unit| unit == layout::FRONT) {
        unit::end(system)?;
    }
    living.retain(|unit| unit != layout::DEADMAN);
    for unit in living {
        // For a unit that `end` has stopped this returns at once. A front's listener may be active alone.
        systemd.stop(&unit)?;
    }
    Ok(())
}

fn remove_units(system: &System, systemd: &Systemd) -> Result<()> {
    let mut paths = units::installed(system)?;
    // Leaves the drop-in of web.service to the caller, which removes it last.
    paths.retain(|path| !path.contains("/web.service.d/"));
    paths.sort_by_key(|path| path.ends_with(layout::DEADMAN));
    for path in paths {
        let name = path.rsplit('/').next().unwrap_or_default();
        if name.ends_with(".socket") || name.ends_with(".service") && !name.contains('@') {
            systemd.disable(name)?;
        }
        if name.ends_with(".service") {
            systemd.forget_failure(name)?;
        }
        units::remove(system, &path)?;
    }
    Ok(())
}
