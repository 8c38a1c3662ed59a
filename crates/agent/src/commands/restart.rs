//! `restart`: a new run of the current release takes over from the old run.

use anyhow::{Context, Result};
use flipless_settings::layout;

use super::change::{change, say};
use crate::deployment::certificates::{self, Next};
use crate::deployment::leftover::{self, Outcome};
use crate::deployment::state::{Run, State};
use crate::deployment::{alarm, environment, handover, prune, release, run};
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
/// secret, starts a new release with the new properties. If the start fails, the current run stays. A trial in progress
/// continues. The restart begins no trial, because only properties have changed, and a rollback would also replace the
/// bundle.
pub fn restart_locked(system: &System, state: &mut State) -> Result<()> {
    let current = state
        .current
        .clone()
        .context("no release is current; deploy one first")?;
    let next = refresh(system, state, &current)?;
    take_over(system, state, next, |_| ())
}

/// Returns a new run of the same release, or of a copy with the properties that EB has changed since the flip.
fn refresh(system: &System, state: &mut State, of: &Run) -> Result<Run> {
    let now = system.commands().unix_time();
    let changed = environment::refreshed(system, &of.release, &mut state.rotated)?;
    let release = match changed {
        None => of.release.clone(),
        Some(environment) => {
            certificates::keep_changed_hmac(system, &environment);
            let port = system.settings()?.server.port;
            let environment = environment::to_file(&environment, port)?;
            release::with_environment(system, &of.release, &environment)?
        }
    };
    let copy_of = (release != of.deployed()).then(|| of.deployed().to_owned());
    Ok(Run {
        copy_of,
        ..state.new_run(&release, now)
    })
}

/// Does the same as [`refresh`] for a rollback. A rollback should not fail because of changed properties. So if the
/// copy fails, the release keeps its properties.
pub fn refresh_if_possible(system: &System, state: &mut State, of: &Run) -> Run {
    refresh(system, state, of).unwrap_or_else(|error| {
        say(&format!(
            "warning: the release keeps its own environment properties: {error:#}"
        ));
        Run {
            copy_of: of.copy_of.clone(),
            ..state.new_run(&of.release, system.commands().unix_time())
        }
    })
}

/// Calls [`start_and_hand_over`], ends the alarm, removes old releases, and starts the renewal of the certificate.
pub fn take_over(
    system: &System,
    state: &mut State,
    next: Run,
    also: impl FnOnce(&mut State),
) -> Result<()> {
    start_and_hand_over(system, state, next, also)?;
    alarm::end(system)?;
    prune::prune_or_say(system, state);
    certificates::settle(system, state, Next::Now);
    Ok(())
}

/// Starts the run `next` beside the current run, and hands over to it. `also` changes the state before the handover
/// saves the state. The dead man's switch is on until the handover is complete. If this process dies, the switch stops
/// the run that is not current. On failure, removes the release of `next` if no other run needs this release.
pub fn start_and_hand_over(
    system: &System,
    state: &mut State,
    next: Run,
    also: impl FnOnce(&mut State),
) -> Result<()> {
    let release = next.release.clone();
    let done = (|| {
        handover::finish(system, state)?;
        state.save(system)?;
        Systemd::new(system).restart(layout::DEADMAN_TIMER)?;
        run::start(system, &next)?;
        say(&format!("{} is ready", next.run));
        also(state);
        handover::hand_over(system, state, next)
    })();
    done.inspect_err(|_| prune::remove_unused(system, state, &release))
}
