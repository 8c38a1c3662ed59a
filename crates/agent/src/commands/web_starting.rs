//! `web-starting`: web.service is about to start, as the stand-in.

use anyhow::Result;

use super::change::{change, say};
use crate::deployment::state::State;
use crate::deployment::{alarm, first_version, withdrawal};
use crate::instance::system::System;

/// Stands aside where this start is for the application that was there before. Ends the alarm where
/// this start was requested (a deployment, "restart app server", a person); not where systemd starts
/// the stand-in again by itself. Where a version of ours serves it takes no lock: the stand-in waits for
/// nothing here.
pub fn web_starting(system: &System) -> Result<()> {
    if is_before_the_first_flip(system) {
        return change(system, "web-starting", |state| stand_aside(system, state));
    }
    match alarm::restarted_by_systemd(system)? {
        true => Ok(()),
        false => alarm::clear(system),
    }
}

fn is_before_the_first_flip(system: &System) -> bool {
    let is_new = State::load(system).is_ok_and(|state| state.current.is_none());
    is_new && !first_version::has_flipped(system)
}

/// A first version was staged, and its deployment aborted: the application of before crashed since, or
/// was restarted. All of ours goes; with the drop-in gone, systemd runs in this very start what EB's unit
/// says (service_enter_start in its service.c takes the commands from the unit as it is read now).
/// A deployment that is not aborted but slow is staged again by its `commit`.
fn stand_aside(system: &System, state: &mut State) -> Result<()> {
    if state.current.is_some() {
        return Ok(());
    }
    withdrawal::discard_unflipped(system, state)?;
    say("EB has not flipped to the staged version; the previous application starts");
    Ok(())
}
