//! `recover`: rolls back automatically, when the current release keeps crashing while it is on trial.

use anyhow::{Context, Result};

use super::change::{change, say};
use super::restart::start_and_hand_over;
use crate::deployment::state::Failure;
use crate::deployment::{alarm, prune, trial};
use crate::instance::system::System;

/// Starts the previous release beside the current one, hands over to it, and has EB's health show it.
/// Finds nothing to do where a deployment or a person was faster.
pub fn recover(system: &System) -> Result<()> {
    change(system, "recover", |state| {
        let Some(reason) = trial::failed(system, state)? else {
            say("nothing to do: the current release is not on trial any more");
            return Ok(());
        };
        let previous = state
            .previous
            .clone()
            .context("there is no previous release to roll back to")?;
        say(&reason);
        // Before the way back: if that fails too, EB shows it all the more.
        alarm::raise(system, &reason)?;
        start_and_hand_over(system, state, &previous.release, |state| {
            // Only now: an interrupted recovery is taken up at the next crash.
            state.trial = None;
            state.failure = Some(Failure::of(system, "trial", &reason));
        })?;
        prune::prune_or_say(system, state);
        Ok(())
    })
}
