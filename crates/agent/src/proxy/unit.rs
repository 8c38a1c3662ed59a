//! Starts and ends the front's unit.

use std::time::Duration;

use anyhow::{Result, bail};
use flipless_settings::layout;

use super::configuration::{Configuration, MAIN};
use super::listens;
use super::sockets::{self, Address, Held, Table};
use super::view::View;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::wait::wait_for;

/// How long nginx may finish requests when it ends for good.
const END_LIMIT: Duration = Duration::from_secs(5);
/// How long a start or a reload of nginx may take, including its lookups of host names.
const CHANGE_LIMIT: Duration = Duration::from_secs(40);
/// How long systemd may take to close the listeners that it held for nginx.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Starts the front with its listener. On failure the error contains nginx's last lines.
pub fn start(system: &System) -> Result<()> {
    let systemd = Systemd::new(system);
    systemd.start(layout::FRONT_SOCKET)?;
    systemd.start(layout::FRONT).map_err(|error| {
        let lines = systemd.last_lines(layout::FRONT, 10);
        error.context(format!("nginx did not start:\n{lines}"))
    })
}

/// Returns whether the front runs. Waits until a start or a reload in progress has ended, because the unit is not
/// active in this time.
pub fn runs(system: &System) -> Result<bool> {
    let systemd = Systemd::new(system);
    let state = wait_for(CHANGE_LIMIT, Duration::from_millis(20), || {
        let state = systemd.state(layout::FRONT)?;
        let is_changing = match state.as_str() {
            "reloading" => true,
            // auto-restart: a start has failed, and systemd waits before the next start. The caller need not wait for
            // that start, because a start by the caller may succeed with a new configuration.
            "activating" => systemd.property(layout::FRONT, "SubState")? != "auto-restart",
            _ => false,
        };
        Ok((!is_changing).then_some(state))
    })?;
    match state {
        Some(state) => Ok(state == "active"),
        // The front does not become ready. After `false` the caller starts the front, and this start returns the error.
        None if systemd.state(layout::FRONT)? == "activating" => Ok(false),
        None => bail!(
            "{} has been reloading for {} s",
            layout::FRONT,
            CHANGE_LIMIT.as_secs()
        ),
    }
}

/// Ends the real nginx for good. nginx has as much time for its open requests as EB's own nginx has at a stop
/// (`TimeoutStopSec=5`). So idle connections can't delay the end any longer.
pub fn end(system: &System) -> Result<()> {
    let systemd = Systemd::new(system);
    let pids: Vec<_> = master(system).into_iter().collect();
    let listeners = Table::read(system).held(system, &pids);
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
    systemd.stop(layout::FRONT_SOCKET)?;
    // systemd closes its copies shortly after the stop. Until then EB's own nginx could not open the addresses.
    wait_for(CLOSE_LIMIT, Duration::from_millis(10), || {
        let are_closed = !Table::read(system).has_any(listeners.keys());
        Ok(are_closed.then_some(()))
    })?;
    remove_socket_files(system, listeners.into_values())
}

/// Removes the files of nginx's unix sockets, because EB's own nginx can't open a socket whose file exists. Takes the
/// paths from the configuration, and also from `listeners`, because a hook may have changed the configuration.
fn remove_socket_files(system: &System, listeners: impl Iterator<Item = Held>) -> Result<()> {
    let view = View::own(system);
    let listens = listens::of(&Configuration::in_force(&view).tree(MAIN));
    let closed = listeners.filter_map(|held| match held.address {
        Address::Unix(path) => Some(path),
        _ => None,
    });
    sockets::remove_unserved(system, listens::unix_paths(&listens).chain(closed))
}

/// Returns the pid of the front's master process.
pub fn master(system: &System) -> Result<u32> {
    let pid = Systemd::new(system).property(layout::FRONT, "MainPID")?;
    match pid.parse() {
        Ok(pid) if pid > 0 => Ok(pid),
        _ => bail!("{} is not running", layout::FRONT),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::testing::Instance;

    /// nginx does not remove the file of a socket that it has inherited.
    #[test]
    fn the_end_of_the_front_leaves_no_file_of_a_socket_that_ebs_nginx_opens() {
        let instance = Instance::new();
        let system = &instance.system;
        let text = b"http { server { listen unix:/run/shop; } }";
        system.write(MAIN, text, 0o644).unwrap();
        system.make_folder("/run").unwrap();
        drop(UnixListener::bind(system.locate("/run/shop")).unwrap());
        end(system).unwrap();
        assert!(!system.exists("/run/shop"));
    }
}
