//! `commit`: after the flip, finishes what the flip has begun.

use std::path::Path;

use anyhow::{Context, Error, Result, bail};
use flipless_settings::layout;

use super::change::{change, say};
use super::stage::stage_locked;
use crate::deployment::flipped::{self, Flipped, flipped};
use crate::deployment::state::{State, parse_run};
use crate::deployment::{alarm, handover, prune, withdrawal};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::{paths, units};
use crate::proxy::front;

/// The flip has made the staged run current: removes what is not needed any more, and sees to nginx. Completes
/// a handover that was interrupted.
pub fn commit(system: &System) -> Result<()> {
    change(system, "commit", |state| {
        let staged = state.staged.as_ref().map(|staged| &staged.run);
        if state.current.is_none() && !staged.is_some_and(|run| flipped::is_to(system, run)) {
            // The first version was discarded before the flip, whose start of web.service was without our
            // drop-in.
            say("no release is running after EB's flip; staging it again");
            system.write(alarm::WEB_STARTED, b"", 0o644)?;
            stage_locked(system, state, Path::new(paths::FLIPPED))
                .map_err(|error| give_up(system, state, error))?;
        }
        complete(system, state)?;
        let current = state.current.as_ref().map_or("", |run| &run.run);
        say(&format!("{current} is current"));
        conclude(system, state)
    })
}

/// The process of web.service waits to be the stand-in of a run that will not be.
fn give_up(system: &System, state: &State, error: Error) -> Error {
    match withdrawal::serve_alone(system, state) {
        Ok(()) => error,
        Err(why) => error.context(format!("the server could not be started alone: {why:#}")),
    }
}

/// Makes sure that the bundle which EB has flipped to is the one that serves. EB would call the deployment a
/// success.
fn complete(system: &System, state: &mut State) -> Result<()> {
    let marked = match flipped(system) {
        Flipped::Run(run) => run,
        _ => bail!(
            "no run is staged for the bundle in {}, since the predeploy hook did not run \
             `flipless stage`",
            paths::FLIPPED
        ),
    };
    if let Some(run) = state.discarded.as_ref().filter(|run| run.run == marked) {
        bail!(
            "{} was discarded before EB's flip; deploy again (`{} status` shows the reason)",
            run.run,
            layout::AGENT
        );
    }
    match state.staged.clone() {
        Some(staged) if staged.run.run == marked => handover::flip(system, state, staged.run),
        Some(staged) => bail!("EB has not flipped to {}", staged.run.run),
        None => handover::finish(system, state).and_then(|()| check_serves(state, &marked)),
    }
}

/// Since the flip the way back may have been taken, by a person or after crashes.
fn check_serves(state: &State, marked: &str) -> Result<()> {
    let release = |run| parse_run(run).map(|(release, _)| release);
    match &state.current {
        Some(current) if release(marked) != Some(&current.release) => bail!(
            "EB has flipped to {marked}, and {} serves: it was rolled back since. Deploy again \
             (`{} status` shows the reason)",
            current.run,
            layout::AGENT
        ),
        _ => Ok(()),
    }
}

/// What follows once a run is current.
fn conclude(system: &System, state: &State) -> Result<()> {
    units::settle(system)?;
    Systemd::new(system).stop(layout::DEADMAN_TIMER)?;
    alarm::end(system)?;
    prune::prune_or_say(system, state);
    settle_front(system)
}

/// The stand-in is ours, and the real nginx has the configuration on disk.
fn settle_front(system: &System) -> Result<()> {
    units::verify_stand_in(system)?;
    front::replace_stock(system)?;
    let did = front::sync(system)
        .context("the release is current, but nginx does not have the new configuration")?;
    front::repair_pid_file(system)?;
    say(&did.to_string());
    Ok(())
}
