//! `expire`: the dead man's switch. It discards the staged run of a deployment that ended before its flip, and
//! completes an interrupted handover.

use anyhow::Result;
use flipless_settings::layout;

use super::change::{change, say};
use crate::deployment::certificates::{self, Next};
use crate::deployment::flipped;
use crate::deployment::leftover::{self, Outcome};
use crate::deployment::state::State;
use crate::deployment::{handover, withdrawal};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Discards the staged run if the run's deadline has passed, or if the run was staged before a reboot. The deadline in
/// the state decides, and not the timer, because a daemon-reload restarts the timer's count.
pub fn expire(system: &System) -> Result<()> {
    change(system, "expire", |state| {
        if is_in_time(system, state)? {
            return Systemd::new(system).restart(layout::DEADMAN_TIMER);
        }
        match leftover::settle(system, state, "its deployment did not complete in time")? {
            Outcome::Nothing => handover::finish(system, state)?,
            Outcome::HandedOver(run) => {
                say(&format!("{} is current: EB has flipped to it", run.run))
            }
            Outcome::Discarded(run) => say(&format!(
                "discarded {}, which EB has not flipped to",
                run.run
            )),
        }
        // `commit` usually starts the renewal of the certificate, but EB may not have called `commit`.
        certificates::settle(system, state, Next::ByTimer);
        // An earlier `expire` may have been killed after it discarded a first version.
        withdrawal::withdraw(system, state)?;
        withdrawal::serve_alone(system, state)
    })
}

/// Returns whether EB may still flip to the staged run.
fn is_in_time(system: &System, state: &State) -> Result<bool> {
    let Some(staged) = &state.staged else {
        return Ok(false);
    };
    let commands = system.commands();
    Ok(staged.boot == commands.boot_id()?
        && commands.uptime() < staged.deadline
        && !flipped::is_to(system, &staged.run))
}
