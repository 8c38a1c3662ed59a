//! A staged run that an interrupted deployment left. It becomes current if EB has flipped to it; otherwise it
//! is discarded.

use anyhow::Result;
use flipless_settings::layout;

use super::state::{Failure, Run, State};
use super::{flipped, handover, prune, run};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// The result of [`settle`].
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was no staged run.
    Nothing,
    /// EB has flipped to this run, and it is current now.
    HandedOver(Run),
    /// This run is discarded.
    Discarded(Run),
}

/// Completes or discards the staged run. Its deployment has ended, or another command takes precedence over it.
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

/// Discards the staged run, records the reason, and removes its release if no other run needs the release.
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
