//! Gives the instance back to stock Elastic Beanstalk: for `uninstall`, and for a discarded first version.

use anyhow::Result;
use flipless_settings::layout;

use crate::instance::paths::{DROP_INS, RUNTIME_UNITS};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::units;
use crate::proxy::{staged, unit};

/// What becomes of EB's nginx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nginx {
    /// It runs, or not: the front never took its place.
    IsEbs,
    /// EB has stopped the stand-in, and starts nginx itself.
    IsStopped,
    /// It gets the public port back now.
    Restarts,
}

/// Stops what is ours and takes its units out of systemd's sight. A second run finishes what an interrupted one began: the dead man's unit, and the
/// drop-in that has web.service's start call the agent, go last, so that they complete an interrupted call. The
/// dead man's service is left to end by itself.
pub fn give_back(system: &System, nginx: Nginx) -> Result<()> {
    // Read before anything is stopped: without the port EB's configuration can't be restored.
    let port = system.settings()?.server.port;
    let systemd = Systemd::new(system);
    if nginx == Nginx::Restarts {
        // In this order: with the drop-in gone, a stop of nginx.service would kill the real nginx.
        systemd.stop(layout::NGINX)?;
    }
    remove_drop_in(system, layout::NGINX)?;
    systemd.reload_units()?;
    stop_units(system, &systemd)?;
    if nginx != Nginx::IsEbs {
        staged::restore_configuration(system, port)?;
    }
    if nginx == Nginx::Restarts {
        systemd.start(layout::NGINX)?;
    }
    remove_units(system, &systemd)?;
    remove_drop_in(system, layout::WEB)?;
    systemd.reload_units()
}

fn remove_drop_in(system: &System, unit: &str) -> Result<()> {
    for place in [DROP_INS, RUNTIME_UNITS] {
        let path = format!("{place}/{unit}.d/{}", layout::DROP_IN);
        units::remove(system, &path)?;
    }
    Ok(())
}

/// Listeners first, so that nothing is started again; then what they started. The front has its own
/// way: to stop its listener is to stop it, and to wait for its own limit.
fn stop_units(system: &System, systemd: &Systemd) -> Result<()> {
    let mut living = systemd.living_units("flipless-*")?;
    living.sort_by_key(|unit| !unit.ends_with(".socket"));
    if living.iter().any(|unit| unit == layout::FRONT) {
        unit::end(system)?;
    }
    living.retain(|unit| unit != layout::DEADMAN);
    for unit in living {
        // What `end` has stopped is stopped again at once; a front's listener may live without it.
        systemd.stop(&unit)?;
    }
    Ok(())
}

fn remove_units(system: &System, systemd: &Systemd) -> Result<()> {
    let mut paths = units::installed(system)?;
    // The web stand-in's drop-in is among them.
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
