//! `restart`: a new run of the current release takes over from the old one.

use anyhow::{Context, Result, bail};

use super::{change, say};
use crate::state::{Run, State};
use crate::system::System;
use crate::{alarm, release, run};

/// Restarts the server without a gap.
pub fn restart(system: &System) -> Result<()> {
    change(system, "restart", |state| {
        state.forget_stale(system)?;
        restart_locked(system, state)
    })
}

/// The same, for a caller that has the lock.
pub fn restart_locked(system: &System, state: &mut State) -> Result<()> {
    let current = state
        .current
        .clone()
        .context("no release is current: deploy one first")?;
    take_over(system, state, &current.release)
}

/// Starts a run of `release` beside the current one and hands over to it, by a person's wish.
pub fn take_over(system: &System, state: &mut State, release: &str) -> Result<()> {
    if let Some(staged) = &state.staged {
        bail!("{} is staged: a deployment is under way", staged.run.run);
    }
    let run = start_beside(system, state, release)?;
    run::hand_over(system, state, run)?;
    alarm::end(system)?;
    release::prune_or_say(system, state);
    Ok(())
}

/// Starts a run of `release` beside the current one.
pub fn start_beside(system: &System, state: &mut State, release: &str) -> Result<Run> {
    run::stop_strays(system, state)?;
    let run = state.new_run(release, system.commands().unix_time());
    state.save(system)?;
    run::start(system, &run)?;
    say(&format!("{} serves", run.run));
    Ok(run)
}
