//! A run that a deployment staged and did not commit: it becomes current where it is the only version that
//! EB has flipped to, else it is discarded.

use anyhow::Result;

use super::first_version::{has_flipped, make_current};
use super::run;
use super::state::{Failure, Run, State};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// What became of a leftover.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was none.
    Nothing,
    /// It is the only version there is, and current now.
    Kept(Run),
    /// It does not serve any more.
    Discarded(Run),
}

/// Settles a staged run that no deployment will commit.
pub fn settle(system: &System, state: &mut State) -> Result<Outcome> {
    let Some(staged) = state.staged.clone() else {
        return Ok(Outcome::Nothing);
    };
    let is_all_there_is = state.current.is_none() && has_flipped(system);
    if is_all_there_is && Systemd::new(system).is_active(&staged.run.unit())? {
        make_current(system, state, staged.run.clone())?;
        return Ok(Outcome::Kept(staged.run));
    }
    run::discard(system, &staged.run)?;
    note_discarded(system, state, &staged.run, "its deployment did not end")?;
    Ok(Outcome::Discarded(staged.run))
}

/// Notes in the state that a staged run is discarded, and why.
pub fn note_discarded(system: &System, state: &mut State, run: &Run, why: &str) -> Result<()> {
    let reason = format!("{} was staged and not committed: {why}", run.run);
    state.failure = Some(Failure::of(system, "deployment", &reason));
    state.discard_staged();
    state.save(system)
}
