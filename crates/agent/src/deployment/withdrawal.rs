//! Takes everything of ours away from an instance on which no version of ours is to serve.

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

/// EB's nginx is to be started again once the public port is free.
pub const GIVES_PORT_BACK: &str = "/run/flipless/gives-port-back";

/// EB has started an application of another bundle, or the one that was there before the first version: gives
/// the instance back to it, in this very start. The state comes first, so that the next command continues an
/// interrupted call. EB's flip starts nginx itself, with the configuration of that bundle.
pub fn leave(system: &System, state: &mut State) -> Result<()> {
    *state = State::new(state.front);
    state.save(system)?;
    // Nothing knows the run that it names any more: the stand-in waits for nobody.
    flipped::unmark(system, Path::new(FLIPPED))?;
    let is_stopped = !Systemd::new(system).is_active(layout::NGINX)?;
    let again = alarm::restarted_by_systemd(system)?;
    let nginx = match nginx(system)? {
        // A start before this one has failed, and with it EB's flip: EB does not come to nginx any more.
        _ if is_stopped && again && system.exists(PROXY_STAGING) => Nginx::Restarts,
        // EB has stopped its stand-in, and no interrupted call has.
        Nginx::Restarts if is_stopped && !system.exists(GIVES_PORT_BACK) => Nginx::IsStopped,
        other => other,
    };
    give(system, nginx)?;
    remove_files(system)
}

/// Gives ports back and takes units out of systemd's sight, on an instance where no version of ours is
/// current. EB's nginx is touched only where ours has taken its place.
pub fn withdraw(system: &System, state: &State) -> Result<()> {
    if state.current.is_some() {
        return Ok(());
    }
    let nginx = nginx(system)?;
    give(system, nginx)
}

fn give(system: &System, nginx: Nginx) -> Result<()> {
    // No stand-in starts the front meanwhile.
    let _lock = front::lock(system, "withdraw")?;
    if nginx == Nginx::Restarts {
        // After an interruption neither nginx has the port; the next command needs this note.
        system.write(GIVES_PORT_BACK, b"", 0o644)?;
    }
    give_back(system, nginx)?;
    system.remove(GIVES_PORT_BACK)
}

/// What becomes of EB's nginx: the front has its port, or an interrupted call has taken the front away.
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

/// Removes every folder of ours. The state last: it says what a second run has to do.
pub fn remove_files(system: &System) -> Result<()> {
    for folder in [layout::ROOT, layout::RUNTIME, layout::STATE_FOLDER] {
        system.remove(folder)?;
    }
    Ok(())
}

/// Where no version of ours is current and EB has flipped to a bundle of ours all the same, its server serves as on
/// stock EB, whose systemd tries one that fails again and again.
pub fn serve_alone(system: &System, state: &State) -> Result<()> {
    let is_flipped = matches!(flipped(system), Flipped::Run(_) | Flipped::Unmarked);
    match state.current.is_none() && is_flipped {
        true => start_alone(system),
        false => Ok(()),
    }
}

/// Has EB's own web.service run the server of the bundle in `/var/app/current`: without our drop-in and without
/// a marker, the stand-in becomes the server (`commands/stand_in.rs`). One that ends at once is systemd's to start
/// again.
pub fn start_alone(system: &System) -> Result<()> {
    flipped::unmark(system, Path::new(FLIPPED))?;
    let systemd = Systemd::new(system);
    match systemd.state(layout::WEB)?.as_str() {
        "inactive" => Ok(()),
        _ => systemd.restart_later(layout::WEB),
    }
}
