//! `restart`: a new run of the current release takes over from the old run.

use anyhow::{Context, Result};
use flipless_settings::layout;

use super::change::{change, say};
use crate::deployment::leftover::{self, Outcome};
use crate::deployment::state::State;
use crate::deployment::{alarm, environment, handover, prune, release, run, trial};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Restarts the server without an outage.
pub fn restart(system: &System) -> Result<()> {
    change(system, "restart", |state| {
        outrank(system, state, "restart")?;
        restart_locked(system, state)
    })
}

/// Completes or discards the staged run, since `restart` and `rollback` take precedence over a deployment that
/// EB has not flipped to yet.
pub fn outrank(system: &System, state: &mut State, command: &str) -> Result<()> {
    let why = format!("`flipless {command}` was called");
    if let Outcome::Discarded(run) = leftover::settle(system, state, &why)? {
        say(&format!(
            "discarded {}: its deployment will fail in the flip",
            run.run
        ));
    }
    Ok(())
}

/// Restarts the server for a caller that holds the lock. If EB has changed environment properties, such as a rotated
/// secret, starts a new release with them; if that fails, the current run stays.
pub fn restart_locked(system: &System, state: &mut State) -> Result<()> {
    let current = state
        .current
        .clone()
        .context("no release is current; deploy one first")?;
    let release = refresh(system, &current.release)?;
    // A release that is already current needs no trial.
    let trial = match release == current.release {
        true => state.trial.clone(),
        false => trial::begin(system)?,
    };
    take_over(system, state, &release, |state| state.trial = trial)
        .inspect_err(|_| prune::remove_unused(system, state, &release))?;
    environment::remember(system);
    Ok(())
}

/// Returns the release to restart: the given one, or a new one with the properties that EB has changed.
fn refresh(system: &System, release: &str) -> Result<String> {
    let Some(environment) = environment::refreshed(system, release)? else {
        return Ok(release.to_owned());
    };
    let port = system.settings()?.server.port;
    let environment = environment::to_file(&environment, port)?;
    release::with_environment(system, release, &environment)
}

/// Does the same as [`start_and_hand_over`], ends the alarm, and removes old releases.
pub fn take_over(
    system: &System,
    state: &mut State,
    release: &str,
    also: impl FnOnce(&mut State),
) -> Result<()> {
    start_and_hand_over(system, state, release, also)?;
    alarm::end(system)?;
    prune::prune_or_say(system, state);
    Ok(())
}

/// Starts a run of `release` beside the current run, and hands over to it. `also` changes the state in the same
/// step. The dead man's switch is on during all of this: if this process dies, the switch stops the run that is
/// not current.
pub fn start_and_hand_over(
    system: &System,
    state: &mut State,
    release: &str,
    also: impl FnOnce(&mut State),
) -> Result<()> {
    let systemd = Systemd::new(system);
    handover::finish(system, state)?;
    let run = state.new_run(release, system.commands().unix_time());
    state.save(system)?;
    systemd.restart(layout::DEADMAN_TIMER)?;
    run::start(system, &run)?;
    say(&format!("{} is ready", run.run));
    also(state);
    handover::hand_over(system, state, run)
}
