//! `web-starting`: web.service is about to start, as the stand-in.

use anyhow::Result;
use flipless_settings::layout;

use super::change::{change, say};
use crate::deployment::flipped::{self, Flipped, flipped};
use crate::deployment::state::State;
use crate::deployment::{alarm, withdrawal};
use crate::instance::system::System;

/// Gives the instance back where this start is for an application that is not ours. Ends the alarm where
/// this start was requested (a deployment, "restart app server", a person); not where systemd starts
/// the stand-in again by itself. Where a version of ours serves it takes no lock: the stand-in waits for
/// nothing here.
pub fn web_starting(system: &System) -> Result<()> {
    if is_for_another(system) {
        if flipped(system) == Flipped::Foreign && State::load(system).is_err() {
            // What a damaged one says is of no use any more, and bars nobody's way to another bundle.
            system.remove(layout::STATE)?;
        }
        return change(system, "web-starting", |state| {
            // A lost state is made again from what runs.
            if state.current.is_some() && flipped(system) != Flipped::Foreign {
                return Ok(());
            }
            say("EB starts an application without flipless: the instance is given back");
            withdrawal::leave(system, state)
        });
    }
    match alarm::restarted_by_systemd(system)? {
        true => Ok(()),
        false => alarm::clear(system),
    }
}

/// Whether EB has flipped to a bundle without flipless, or not yet to the first one with it: its deployment
/// was aborted, and the application of before crashed since, or was restarted. With our drop-in gone, systemd
/// runs in this very start what EB's unit says (service_enter_start in its service.c takes the commands from
/// the unit as it is read now). A deployment that is not aborted but slow is staged again by its `commit`.
fn is_for_another(system: &System) -> bool {
    if flipped(system) == Flipped::Foreign {
        return true;
    }
    State::load(system).is_ok_and(|state| {
        let staged = state.staged.as_ref().map(|staged| &staged.run);
        let is_flip = staged.is_some_and(|run| flipped::is_to(system, run));
        state.current.is_none() && !is_flip
    })
}
