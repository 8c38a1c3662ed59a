//! A staged run that its deployment left: it becomes current if EB has flipped to it, else it is discarded.

use anyhow::Result;
use flipless_settings::layout;

use super::state::{Failure, Run, State};
use super::{flipped, handover, prune, run};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// What became of a leftover.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was none.
    Nothing,
    /// EB has flipped to it, and it is current now.
    HandedOver(Run),
    /// It serves nobody.
    Discarded(Run),
}

/// Settles a staged run whose deployment has ended, or is to be outranked.
pub fn settle(system: &System, state: &mut State, why: &str) -> Result<Outcome> {
    let Some(staged) = state.staged.clone() else {
        return Ok(Outcome::Nothing);
    };
    let run = staged.run;
    if flipped::is_to(system, &run)
        && Systemd::new(system).is_active(&run.unit())?
        && handover::flip(system, state, run.clone()).is_ok()
    {
        return Ok(Outcome::HandedOver(run));
    }
    discard(system, state, why)?;
    Ok(Outcome::Discarded(run))
}

/// Discards the staged run, notes why, and removes its release if nothing else needs it.
pub fn discard(system: &System, state: &mut State, why: &str) -> Result<()> {
    let Some(staged) = state.staged.clone() else {
        return Ok(());
    };
    run::discard(system, &staged.run)?;
    let reason = format!("{} was discarded: {why}", staged.run.run);
    state.failure = Some(Failure::of(system, "deployment", &reason));
    state.discard_staged();
    state.save(system)?;
    prune::remove_unused(system, state, &staged.run.release);
    Systemd::new(system).stop(layout::DEADMAN_TIMER)
}
