//! Takes a first version away that EB has not flipped to, and gives the instance back.

use anyhow::Result;
use flipless_settings::layout;

use super::give_back::give_back;
use super::leftover::note_discarded;
use super::state::State;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::proxy::front;

/// The public port is on its way back to EB's nginx.
pub const GIVES_PORT_BACK: &str = "/run/flipless/gives-port-back";

/// Before the first flip: discards the staged version and removes everything of ours. The state comes first: a
/// flip that comes in the middle of it finds a version that its `commit` has to stage again.
pub fn discard_unflipped(system: &System, state: &mut State) -> Result<()> {
    if let Some(staged) = state.staged.clone() {
        let why = "the previous application was started before the flip";
        note_discarded(system, state, &staged.run, why)?;
    }
    withdraw(system, state)
}

fn front_has_port(system: &System) -> Result<bool> {
    let systemd = Systemd::new(system);
    let half_way = system.exists(GIVES_PORT_BACK) && !systemd.is_active(layout::NGINX)?;
    Ok(half_way || systemd.is_active(layout::FRONT_SOCKET)? || systemd.is_active(layout::FRONT)?)
}

/// On an instance where nothing of ours serves: gives its ports back, and takes the units out of
/// systemd's sight. EB's nginx is touched only where ours has taken its port: it may serve the
/// application that was there before.
pub fn withdraw(system: &System, state: &State) -> Result<()> {
    if state.current.is_some() {
        return Ok(());
    }
    // No stand-in starts the front meanwhile.
    let _lock = front::lock(system, "withdraw")?;
    let has_port = front_has_port(system)?;
    if has_port {
        // After an interruption neither nginx has the port; the next command needs this marker.
        system.write(GIVES_PORT_BACK, b"", 0o644)?;
    }
    give_back(system, has_port)?;
    system.remove(GIVES_PORT_BACK)
}
