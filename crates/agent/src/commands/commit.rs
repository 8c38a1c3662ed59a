//! `commit`: after the flip, the staged release becomes the current one.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use flipless_settings::layout;

use super::change::{change, say};
use super::stage::stage_locked;
use crate::deployment::state::{Run, State};
use crate::deployment::{alarm, ends, first_version, leftover, prune, run, trial};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::{paths, units};
use crate::proxy::front;

/// Makes the staged run current, also for the next boot; the old one drains while this returns.
pub fn commit(system: &System) -> Result<()> {
    change(system, "commit", |state| {
        if nobody_serves(system, state)? {
            say("no release is running after EB's flip; staging it again");
            // The start of web.service in the flip was without our drop-in.
            system.write(alarm::WEB_STARTED, b"", 0o644)?;
            stage_locked(system, state, Path::new(paths::FLIPPED))?;
        }
        match state.staged.clone() {
            Some(staged) => commit_run(system, state, staged.run),
            None => finish(system, state),
        }
    })
}

/// EB's flip has taken away what was there before, and the first version does not run: it was given up
/// (the deployment was slow, or the application of before crashed in it), or did not start in the flip.
fn nobody_serves(system: &System, state: &State) -> Result<bool> {
    if state.current.is_some() || !first_version::has_flipped(system) {
        return Ok(false);
    }
    match &state.staged {
        Some(staged) => Ok(!Systemd::new(system).is_active(&staged.run.unit())?),
        None => Ok(state.discarded.is_some()),
    }
}

fn commit_run(system: &System, state: &mut State, run: Run) -> Result<()> {
    if let Some(why) = is_down(system, &run)? {
        return Err(discard(system, state, why));
    }
    units::settle(system)?;
    // The release that serves already is no new one: nothing is to be gone back to because of it.
    if state.current.as_ref().map(|run| &run.release) != Some(&run.release) {
        state.trial = trial::begin(system)?;
    }
    say(&format!("committed {}", run.run));
    run::hand_over(system, state, run)?;
    conclude(system, state)
}

/// Why a staged run is no longer fit to be current: it is not running, or has crashed since.
fn is_down(system: &System, run: &Run) -> Result<Option<anyhow::Error>> {
    let systemd = Systemd::new(system);
    let crashes = ends::of(system, &run.run)?.len();
    if systemd.is_active(&run.unit())? && crashes == 0 {
        return Ok(None);
    }
    let lines = systemd.last_lines(&run.unit(), 20);
    let what = match crashes {
        0 => format!("{} is no longer running", run.run),
        _ => format!("{} has ended since it was staged, {crashes} times", run.run),
    };
    Ok(Some(anyhow!("{what}; its last lines:\n{lines}")))
}

/// It must not go on restarting beside the version that serves; where it is all there is, it may.
fn discard(system: &System, state: &mut State, why: anyhow::Error) -> anyhow::Error {
    if state.current.is_none() {
        return why;
    }
    let discarded = leftover::settle(system, state)
        .and_then(|_| Systemd::new(system).stop(layout::DEADMAN_TIMER));
    match discarded {
        Ok(()) => why,
        Err(error) => why.context(format!("the run could not be stopped: {error:#}")),
    }
}

/// What follows once a run is current.
fn conclude(system: &System, state: &State) -> Result<()> {
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

/// Nothing is staged: the flip of a first version has committed it, or an interrupted `commit` did,
/// and what it left is done now. One without a `stage`, or after its run was given up, is an error:
/// EB would call the deployment a success.
fn finish(system: &System, state: &State) -> Result<()> {
    if let Some(run) = &state.discarded {
        bail!(
            "{} was discarded before this commit; deploy again (`{} status` shows the reason)",
            run.run,
            layout::AGENT
        );
    }
    let Some(current) = &state.current else {
        bail!("no run is staged, since the predeploy hook did not run `flipless stage`");
    };
    say(&format!("{} is current", current.run));
    run::stop_strays(system, state)?;
    units::settle(system)?;
    conclude(system, state)
}
