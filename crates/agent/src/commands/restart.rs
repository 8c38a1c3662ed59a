//! `restart`: a new run of the current release takes over from the old one.

use anyhow::{Context, Result, bail};
use flipless_settings::layout;

use super::change::{change, say};
use crate::deployment::state::State;
use crate::deployment::{alarm, prune, run};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

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
        .context("no release is current; deploy one first")?;
    take_over(system, state, &current.release)
}

/// Starts a run of `release` beside the current one and hands over to it, by a person's wish.
pub fn take_over(system: &System, state: &mut State, release: &str) -> Result<()> {
    if let Some(staged) = &state.staged {
        bail!(
            "a deployment is in progress ({} is staged); try again when it has ended",
            staged.run.run
        );
    }
    start_and_hand_over(system, state, release, |_| ())?;
    alarm::end(system)?;
    prune::prune_or_say(system, state);
    Ok(())
}

/// Starts a run of `release` beside the current one, which hands over to it; `also` changes the state
/// in the same step. The dead man's switch is armed until the end: if this process dies, the switch stops the
/// run that is not current.
pub fn start_and_hand_over(
    system: &System,
    state: &mut State,
    release: &str,
    also: impl FnOnce(&mut State),
) -> Result<()> {
    let systemd = Systemd::new(system);
    run::stop_strays(system, state)?;
    let run = state.new_run(release, system.commands().unix_time());
    state.save(system)?;
    systemd.restart(layout::DEADMAN_TIMER)?;
    run::start(system, &run)?;
    say(&format!("{} is ready", run.run));
    also(state);
    run::hand_over(system, state, run)?;
    systemd.stop(layout::DEADMAN_TIMER)
}
