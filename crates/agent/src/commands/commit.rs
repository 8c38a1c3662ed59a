//! `commit`: completes the deployment after the flip.

use std::path::Path;

use anyhow::{Context, Error, Result, bail};
use flipless_settings::layout;

use super::change::{change, say};
use super::stage::stage_locked;
use crate::deployment::certificates::Next;
use crate::deployment::flipped::{self, Flipped, flipped};
use crate::deployment::state::{State, parse_run};
use crate::deployment::{alarm, certificates, handover, leftover, prune, withdrawal};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::{paths, units};
use crate::proxy::{front, sync};

/// Completes the deployment. The flip has already made the staged run current, so `commit` removes old releases
/// and makes sure that the front runs with the new configuration. It also completes an interrupted handover.
pub fn commit(system: &System) -> Result<()> {
    change(system, "commit", |state| {
        let staged = state.staged.as_ref().map(|staged| &staged.run);
        if state.current.is_none() && !staged.is_some_and(|run| flipped::is_to(system, run)) {
            // The first version was discarded before the flip, so the flip has started web.service without the
            // drop-in.
            say("no release is running after EB's flip; staging the bundle again");
            system.write(alarm::WEB_STARTED, b"", 0o644)?;
            stage_locked(system, state, Path::new(paths::FLIPPED))
                .map_err(|error| serve_without_flipless(system, state, error))?;
        }
        complete(system, state).map_err(|error| serve_without_discarded(system, state, error))?;
        let current = state.current.as_ref().map_or("", |run| &run.run);
        say(&format!("{current} is current"));
        conclude(system, state)
    })
}

/// Makes EB's own web.service run the server, because the first version can't be staged. Returns `error`, and adds the
/// reason if this start fails, too.
fn serve_without_flipless(system: &System, state: &State, error: Error) -> Error {
    match withdrawal::serve_alone(system, state) {
        Ok(()) => error,
        Err(why) => error.context(format!(
            "cannot start the server in EB's own web.service: {why:#}"
        )),
    }
}

/// Gives the instance back and does the same as [`serve_without_flipless`], if the first version was staged and then
/// discarded. Otherwise only returns `error`.
fn serve_without_discarded(system: &System, state: &State, error: Error) -> Error {
    if state.current.is_some() || state.staged.is_some() {
        return error;
    }
    match withdrawal::withdraw(system, state) {
        Ok(()) => serve_without_flipless(system, state, error),
        Err(why) => error.context(format!("cannot give the instance back: {why:#}")),
    }
}

/// Makes sure that the bundle in `/var/app/current` serves requests. Otherwise fails, so that EB does not report
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
        Some(staged) if staged.run.run == marked => leftover::complete(system, state, staged.run),
        Some(staged) => bail!("EB has not flipped to {}", staged.run.run),
        None => {
            handover::finish_with_https(system, state).and_then(|()| check_serves(state, &marked))
        }
    }
}

/// Fails if the new version was rolled back since the flip, by a person or after crashes.
fn check_serves(state: &State, marked: &str) -> Result<()> {
    let release = |run| parse_run(run).map(|(release, _)| release);
    match &state.current {
        Some(current) if release(marked) != Some(current.deployed()) => bail!(
            "EB has flipped to {marked}, which has been rolled back since then; {} serves. Deploy again \
             (`{} status` shows the reason)",
            current.run,
            layout::AGENT
        ),
        _ => Ok(()),
    }
}

/// Completes a deployment whose run has become current.
fn conclude(system: &System, state: &State) -> Result<()> {
    units::settle(system)?;
    Systemd::new(system).stop(layout::DEADMAN_TIMER)?;
    alarm::end(system)?;
    prune::prune_or_say(system, state);
    settle_front(system)?;
    certificates::settle(system, state, Next::Now);
    Ok(())
}

/// Makes sure that nginx.service is the stand-in, and that the front runs with the configuration on disk.
fn settle_front(system: &System) -> Result<()> {
    units::verify_stand_in(system)?;
    front::replace_stock(system)?;
    let did = sync::settle(system)
        .context("the release is current, but nginx does not have the new configuration")?;
    front::repair_pid_file(system)?;
    say(&did.to_string());
    Ok(())
}
