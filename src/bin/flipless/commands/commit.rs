//! `commit`: after the flip, the staged release becomes the current one.

use anyhow::{Context, Result, bail};
use flipless::layout;

use super::{lock, say};
use crate::state::State;
use crate::system::System;
use crate::systemd::Systemd;
use crate::{front, release, run, units};

/// Makes the staged run current, also for the next boot; the old one drains while this returns.
pub fn commit(system: &System) -> Result<()> {
    let _lock = lock(system, "commit")?;
    let mut state = State::load(system)?;
    let Some(staged) = state.staged.clone() else {
        return finish(system, &state);
    };
    let systemd = Systemd::new(system);
    if !systemd.is_active(&staged.run.unit())? {
        let lines = systemd.last_lines(&staged.run.unit(), 20);
        bail!(
            "{} is not running any more; its last lines:\n{lines}",
            staged.run.run
        );
    }
    let run = staged.run.run.clone();
    run::hand_over(system, &mut state, staged.run)?;
    systemd.stop(layout::DEADMAN_TIMER)?;
    release::prune_or_say(system, &state);
    say(&format!("committed {run}"));
    settle_front(system)
}

/// The stand-in is ours, and the real nginx has the configuration on disk.
fn settle_front(system: &System) -> Result<()> {
    units::verify_stand_in(system)?;
    let did =
        front::sync(system).context("the release is committed, but the front is not right")?;
    front::repair_pid_file(system)?;
    say(&format!("nginx {did}"));
    Ok(())
}

/// Nothing is staged: a second `commit` does what an interrupted first one left; one without a
/// `stage` is an error.
fn finish(system: &System, state: &State) -> Result<()> {
    let Some(current) = &state.current else {
        bail!("nothing is staged: the predeploy hook did not run `flipless stage`");
    };
    say(&format!("nothing is staged; {} is current", current.run));
    run::stop_strays(system, state)?;
    settle_front(system)
}
