//! `expire`: the dead man's switch. A deployment that died between `stage` and the flip leaves nothing, and
//! neither does a handover that died half-way.

use anyhow::Result;
use flipless_settings::layout;

use super::change::{change, say};
use crate::deployment::flipped;
use crate::deployment::leftover::{self, Outcome};
use crate::deployment::state::State;
use crate::deployment::{handover, withdrawal};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Discards the staged run when its time is over, or when it was staged before a reboot. The timer may
/// be late (a daemon-reload starts its count anew), so that the deadline in the state decides.
pub fn expire(system: &System) -> Result<()> {
    change(system, "expire", |state| {
        if is_in_time(system, state)? {
            return Systemd::new(system).restart(layout::DEADMAN_TIMER);
        }
        match leftover::settle(system, state, "its deployment did not come to the flip")? {
            Outcome::Nothing => handover::finish(system, state)?,
            Outcome::HandedOver(run) => {
                say(&format!("{} is current: EB has flipped to it", run.run))
            }
            Outcome::Discarded(run) => say(&format!(
                "discarded {}, which EB has not flipped to",
                run.run
            )),
        }
        // An earlier `expire` may have been killed after it discarded a first version.
        withdrawal::withdraw(system, state)?;
        withdrawal::serve_alone(system, state)
    })
}

/// Whether a deployment may still come to its flip.
fn is_in_time(system: &System, state: &State) -> Result<bool> {
    let Some(staged) = &state.staged else {
        return Ok(false);
    };
    let commands = system.commands();
    Ok(staged.boot == commands.boot_id()?
        && commands.uptime() < staged.deadline
        && !flipped::is_to(system, &staged.run))
}
