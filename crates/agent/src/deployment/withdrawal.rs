//! Removes flipless from an instance on which no version with flipless will serve.

use std::path::Path;

use anyhow::Result;
use flipless_settings::layout;

use super::alarm;
use super::flipped::{self, Flipped, flipped};
use super::give_back::{Nginx, give_back};
use super::state::State;
use crate::instance::paths::{FLIPPED, PROXY_STAGING};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::proxy::front;

/// This file exists while the agent gives the public port back to EB's nginx.
pub const GIVES_PORT_BACK: &str = "/run/flipless/gives-port-back";

/// Gives the instance back, because EB starts an application without flipless: the application of another bundle, or
/// the one from before the first version. Resets the state first. In a state without a current run, the next start of
/// web.service continues an interrupted call. If EB has stopped the stand-in of nginx, EB's flip starts nginx itself.
pub fn leave(system: &System, state: &mut State) -> Result<()> {
    *state = State::new(state.front);
    state.save(system)?;
    // The marker stays. After an interrupted call EB may have flipped to a bundle that `commit` stages again. Until
    // `commit` runs, the marker keeps the stand-in from becoming the server, which would take the port. The marker of
    // an earlier boot has no effect.
    let is_stopped = !Systemd::new(system).is_active(layout::NGINX)?;
    let again = alarm::restarted_by_systemd(system)?;
    let nginx = match nginx(system)? {
        // systemd has restarted web.service, so EB's flip has failed, and EB will not start nginx.
        _ if is_stopped && again && system.exists(PROXY_STAGING) => Nginx::Restarts,
        // EB itself has stopped the stand-in of nginx, and starts nginx later in the flip.
        Nginx::Restarts if is_stopped && !system.exists(GIVES_PORT_BACK) => Nginx::IsStopped,
        other => other,
    };
    give(system, nginx)?;
    remove_files(system)
}

/// Gives the ports back and removes all units, if no run is current. Restarts EB's nginx only if the front has
/// replaced it.
pub fn withdraw(system: &System, state: &State) -> Result<()> {
    if state.current.is_some() {
        return Ok(());
    }
    let nginx = nginx(system)?;
    give(system, nginx)
}

/// Gives the ports back and removes all units.
pub fn give(system: &System, nginx: Nginx) -> Result<()> {
    // While this command holds the lock, no stand-in can start the front.
    let _lock = front::lock(system, "withdraw")?;
    if nginx == Nginx::Restarts {
        // If this command is interrupted, it is possible that neither the front nor EB's nginx has the port. This file
        // makes the next command start EB's nginx.
        system.write(GIVES_PORT_BACK, b"", 0o644)?;
    }
    give_back(system, nginx)?;
    system.remove(GIVES_PORT_BACK)
}

/// Decides how to treat EB's nginx. It has to start if the front has the public port, or if an interrupted call has
/// already stopped the front.
fn nginx(system: &System) -> Result<Nginx> {
    let systemd = Systemd::new(system);
    let half_way = system.exists(GIVES_PORT_BACK) && !systemd.is_active(layout::NGINX)?;
    let has_port =
        half_way || systemd.is_active(layout::FRONT_SOCKET)? || systemd.is_active(layout::FRONT)?;
    Ok(match has_port {
        true => Nginx::Restarts,
        false => Nginx::IsEbs,
    })
}

/// Removes every folder of flipless. Removes the state last, because a second call needs it after an interruption.
pub fn remove_files(system: &System) -> Result<()> {
    for folder in [layout::ROOT, layout::RUNTIME, layout::STATE_FOLDER] {
        system.remove(folder)?;
    }
    Ok(())
}

/// If no run is current, but EB has flipped to a bundle with flipless, makes EB's own web.service run the server of
/// that bundle. systemd then restarts a server that fails, as on stock EB.
pub fn serve_alone(system: &System, state: &State) -> Result<()> {
    let is_flipped = matches!(flipped(system), Flipped::Run(_) | Flipped::Unmarked);
    match state.current.is_none() && is_flipped {
        true => start_alone(system),
        false => Ok(()),
    }
}

/// Makes EB's own web.service run the server of the bundle in `/var/app/current`: without flipless's drop-in and
/// without a marker, the stand-in becomes the server (`commands/stand_in.rs`). Does not wait for the server.
pub fn start_alone(system: &System) -> Result<()> {
    flipped::unmark(system, Path::new(FLIPPED))?;
    let systemd = Systemd::new(system);
    match systemd.state(layout::WEB)?.as_str() {
        "inactive" => Ok(()),
        _ => systemd.restart_later(layout::WEB),
    }
}
