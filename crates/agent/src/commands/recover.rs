//! `recover`: the automatic rollback, for a current release that crashes too often while it is on trial.

use anyhow::{Context, Result};

use super::change::{change, say};
use super::restart::{refresh_if_possible, start_and_hand_over};
use crate::deployment::state::Failure;
use crate::deployment::{alarm, prune, trial};
use crate::instance::system::System;

/// Starts the previous release beside the current one, hands over to it, and raises the alarm. Does nothing if
/// another command has replaced the current release meanwhile.
pub fn recover(system: &System) -> Result<()> {
    change(system, "recover", |state| {
        let Some(reason) = trial::failed(system, state)? else {
            say("nothing to roll back: the trial is over, or another version is staged or current");
            return Ok(());
        };
        let previous = state
            .previous
            .clone()
            .context("there is no previous release to roll back to")?;
        say(&reason);
        // Raises the alarm first, so that EB's health also shows a rollback that fails.
        alarm::raise(system, &reason)?;
        let next = refresh_if_possible(system, state, &previous);
        start_and_hand_over(system, state, next, |state| {
            // Ends the trial only here. If the rollback is interrupted earlier, the next crash starts another rollback.
            state.trial = None;
            state.failure = Some(Failure::of(system, "trial", &reason));
        })?;
        prune::prune_or_say(system, state);
        Ok(())
    })
}
