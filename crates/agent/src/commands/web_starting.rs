//! `web-starting`: web.service is about to start the stand-in.

use anyhow::Result;
use flipless_settings::layout;

use super::change::{change, say};
use super::identify::identify;
use crate::deployment::flipped::{self, Flipped, flipped};
use crate::deployment::state::State;
use crate::deployment::{alarm, withdrawal};
use crate::instance::system::System;

/// Gives the instance back if this start is for an application without flipless. Otherwise ends the alarm if the start
/// was requested, for example by a deployment or by "restart app server". After an automatic restart by systemd, the
/// alarm stays. Takes the lock only to give the instance back, so that no other start has to wait.
pub fn web_starting(system: &System) -> Result<()> {
    identify(system)?;
    let is_foreign = flipped(system) == Flipped::Foreign;
    if is_foreign || is_before_the_first_flip(system) {
        if is_foreign && State::load(system).is_err() {
            // A bundle without flipless must be able to start even if the state is damaged.
            system.remove(layout::STATE)?;
        }
        return change(system, "web-starting", |state| {
            // `change` may have rebuilt a lost state from the active runs.
            if state.current.is_some() && !is_foreign {
                return Ok(());
            }
            say("giving the instance back, since EB starts an application without flipless");
            withdrawal::leave(system, state)
        });
    }
    match alarm::restarted_by_systemd(system)? {
        true => Ok(()),
        false => alarm::clear(system),
    }
}

/// Returns whether EB has not flipped to the first version yet. In this case web.service starts the old application
/// again, after a crash, a restart, or an aborted deployment. If EB flips after that, `commit` stages the first version
/// again.
///
/// This command runs in `ExecStartPre=`. If the agent removes the drop-in here, the same start of web.service runs the
/// command of EB's own unit, because systemd takes the command from the unit only after `ExecStartPre=`
/// (service_enter_start in its service.c).
fn is_before_the_first_flip(system: &System) -> bool {
    State::load(system).is_ok_and(|state| {
        let staged = state.staged.as_ref().map(|staged| &staged.run);
        let is_flip = staged.is_some_and(|run| flipped::is_to(system, run));
        state.current.is_none() && !is_flip
    })
}
