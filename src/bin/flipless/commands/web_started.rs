//! `web-started`: EB has started the stand-in. In a flip there is nothing to do; otherwise somebody
//! asked for "restart app server".

use anyhow::Result;
use flipless::layout;

use super::restart::restart_locked;
use super::{lock, say};
use crate::run;
use crate::state::State;
use crate::system::System;
use crate::systemd::Systemd;

/// Made at the first start of the stand-in in this boot, which is no restart.
const MARKER: &str = "/run/flipless/web-started";

/// Restarts the server, overlapped, if this start of web.service is neither part of a deployment, nor
/// the first since boot, nor systemd's own after the stand-in died.
pub fn web_started(system: &System) -> Result<()> {
    let _lock = lock(system, "web-started")?;
    let mut state = State::load(system)?;
    state.forget_stale(system)?;
    let first = !system.exists(MARKER);
    system.write(MARKER, b"", 0o644)?;
    if let Some(staged) = &state.staged {
        if staged.adopts {
            Systemd::new(system).start(layout::APP_SOCKET)?;
            run::start(system, &staged.run)?;
            say(&format!("{} serves", staged.run.run));
        }
        return Ok(());
    }
    if first || state.current.is_none() || died(system)? {
        return Ok(());
    }
    restart_locked(system, &mut state)
}

/// systemd counts its own restarts, and forgets them at a start that was asked for.
fn died(system: &System) -> Result<bool> {
    Ok(Systemd::new(system).property("web.service", "NRestarts")? != "0")
}
