//! A staged run that an interrupted deployment left. It becomes current if EB has flipped to it; otherwise it
//! is discarded.

use std::path::Path;

use anyhow::Result;
use flipless_settings::layout;

use super::certificates::at_flip;
use super::state::{Failure, Run, State};
use super::{flipped, handover, prune, run};
use crate::instance::paths::FLIPPED;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::proxy::advice::Advice;

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

/// Completes or discards the staged run, after its deployment has ended, or before a command that takes precedence over
/// this deployment. Records `why` if it discards the run.
pub fn settle(system: &System, state: &mut State, why: &str) -> Result<Outcome> {
    let Some(staged) = state.staged.clone() else {
        return Ok(Outcome::Nothing);
    };
    let run = staged.run;
    let mut why = why.to_owned();
    if flipped::is_to(system, &run) && Systemd::new(system).is_active(&run.unit())? {
        match handover::flip(system, state, run.clone()) {
            Ok(()) => return Ok(Outcome::HandedOver(run)),
            Err(error) => why = format!("{error}"),
        }
    }
    discard(system, state, &why)?;
    Ok(Outcome::Discarded(run))
}

/// Hands over to the staged run, after EB's rename. If the run can't serve, discards it and keeps the current run.
/// Without a current run, the caller or systemd tries again until the dead man's switch discards the run. A run that
/// lacks a property is discarded even then, because each further attempt would fail for the same reason.
pub fn complete(system: &System, state: &mut State, run: Run) -> Result<()> {
    let Err(error) = handover::flip(system, state, run) else {
        return Ok(());
    };
    // If no run is staged any more, the handover has begun. The next command, or the next start of the stand-in,
    // completes this handover.
    let is_final = state.current.is_some() || error.is::<Advice>();
    if is_final && state.staged.is_some() {
        let discarded = discard(system, state, &format!("{error}"));
        flipped::unmark(system, Path::new(FLIPPED)).and(discarded)?;
    }
    Err(error)
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
    at_flip::forget(system)?;
    prune::remove_unused(system, state, &staged.run.release);
    Systemd::new(system).stop(layout::DEADMAN_TIMER)
}
