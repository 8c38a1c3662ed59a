//! Gives the instance back to stock Elastic Beanstalk: for `uninstall`, and for a discarded first version.

use anyhow::Result;
use flipless_settings::layout;

use super::health_log;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::units;
use crate::proxy::{staged, unit};

/// How to treat EB's nginx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nginx {
    /// Leaves EB's nginx alone, because the front never replaced it.
    IsEbs,
    /// EB has stopped the stand-in, and will start nginx itself.
    IsStopped,
    /// Starts EB's nginx on the public port now.
    Restarts,
}

/// How long runs may take to finish their requests. A start of web.service may wait this long. Without the drop-in, the
/// whole start has systemd's default limit of 90 s (`DefaultTimeoutStartSec=` of systemd-system.conf(5)). Stock EB,
/// too, kills an application 90 s after its stop.
const END_SECONDS: u32 = 60;

/// Stops flipless's units and removes their files and drop-ins. Does not stop flipless-identity.service and
/// flipless-deadman.service, because one of them may be the caller.
///
/// A second call completes an interrupted call. These two services and the drop-in of web.service make systemd call the
/// agent again, so the agent removes them last.
pub fn give_back(system: &System, nginx: Nginx) -> Result<()> {
    // The agent needs the port to restore EB's configuration. If the settings are unreadable, the agent fails here,
    // before it has stopped anything.
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
    health_log::restore(system)?;
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
    // One of these two units may be the caller.
    living.retain(|unit| unit != layout::DEADMAN && unit != layout::IDENTITY);
    let (runs, others): (Vec<_>, Vec<_>) = living.iter().map(String::as_str).partition(is_of_run);
    for unit in others {
        // This call returns at once for a unit that `unit::end` has already stopped. The front's listener may be active
        // without the front, so the list contains it, too.
        systemd.stop(unit)?;
    }
    end_runs(systemd, &runs)
}

fn is_of_run(unit: &&str) -> bool {
    layout::run_of_unit(unit).is_some()
}

/// Lets all runs finish their requests at the same time, and kills those that do not end.
fn end_runs(systemd: &Systemd, runs: &[&str]) -> Result<()> {
    if runs.is_empty() || systemd.stop_within(runs, END_SECONDS)? {
        return Ok(());
    }
    systemd.kill(runs)?;
    systemd.stop_all(runs)
}

fn remove_units(system: &System, systemd: &Systemd) -> Result<()> {
    let mut paths = units::installed(system)?;
    // Leaves the drop-in of web.service to the caller, which removes it last.
    paths.retain(|path| !path.contains("/web.service.d/"));
    let calls_again = [layout::IDENTITY, layout::DEADMAN];
    paths.sort_by_key(|path| calls_again.iter().position(|unit| path.ends_with(unit)));
    for path in paths {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_listed = [".socket", ".path", ".service", ".timer"]
            .iter()
            .any(|kind| name.ends_with(kind));
        if is_listed && !name.contains('@') {
            systemd.disable(name)?;
        }
        if name.ends_with(".service") {
            systemd.forget_failure(name)?;
        }
        units::remove(system, &path)?;
    }
    Ok(())
}
