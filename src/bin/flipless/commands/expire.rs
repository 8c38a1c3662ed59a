//! `expire`: the dead man's switch. A deployment that died between `stage` and `commit` leaves nothing.

use anyhow::Result;
use flipless::layout;

use super::{lock, say};
use crate::run;
use crate::state::State;
use crate::system::System;
use crate::systemd::Systemd;

/// Gives up the staged run when its time is over, or when it was staged before a reboot. The timer may
/// be late (a daemon-reload starts its count anew), so that the deadline in the state decides.
pub fn expire(system: &System) -> Result<()> {
    let _lock = lock(system, "expire")?;
    let mut state = State::load(system)?;
    let Some(staged) = state.staged.take() else {
        return Ok(());
    };
    let commands = system.commands();
    if staged.boot == commands.boot_id()? && commands.uptime() < staged.deadline {
        return Systemd::new(system).restart(layout::DEADMAN_TIMER);
    }
    if state.current.is_none() && Systemd::new(system).is_active(&staged.run.unit())? {
        // The first deployment: what serves is all there is.
        say(&format!(
            "{} is the only version, and stays",
            staged.run.run
        ));
        return run::hand_over(system, &mut state, staged.run);
    }
    run::discard(system, &staged.run)?;
    state.save(system)?;
    say(&format!("gave up {}: nobody committed it", staged.run.run));
    Ok(())
}
