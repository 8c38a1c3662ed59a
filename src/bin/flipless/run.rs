//! Runs: starting one beside another, and what to say when it fails.

use std::path::Path;

use anyhow::{Result, anyhow};
use flipless::layout;

use crate::state::{Run, State};
use crate::system::System;
use crate::systemd::Systemd;

/// How much of the journal a failure shows.
const JOURNAL_LINES: u32 = 20;

/// Starts a run and waits until it is ready; both runs then accept on the same listener.
///
/// # Errors
/// When it does not become ready. It is stopped then: `Restart=` would go on trying.
pub fn start(system: &System, run: &Run) -> Result<()> {
    system.make_folder(layout::RUNS)?;
    let target = format!("../releases/{}", run.release);
    system.link(Path::new(&target), format!("{}/{}", layout::RUNS, run.run))?;
    let systemd = Systemd::new(system);
    systemd.start(&run.unit()).map_err(|error| {
        let lines = systemd.last_lines(&run.unit(), JOURNAL_LINES);
        let stopped = discard(system, run);
        let note = stopped
            .err()
            .map(|why| format!("; {why:#}"))
            .unwrap_or_default();
        anyhow!("the new version did not become ready{note}; its last lines:\n{lines}")
            .context(format!("{error}"))
    })
}

/// Stops a run that shall not serve, and forgets it.
pub fn discard(system: &System, run: &Run) -> Result<()> {
    let systemd = Systemd::new(system);
    systemd.stop(&run.unit())?;
    systemd.forget_failure(&run.unit())?;
    system.remove(format!("{}/{}", layout::RUNS, run.run))
}

/// Stops runs that serve though no state names them: an interrupted restart or rollback left them.
pub fn stop_strays(system: &System, state: &State) -> Result<()> {
    let systemd = Systemd::new(system);
    let staged = state.staged.as_ref().map(|staged| staged.run.unit());
    let current = state.current.as_ref().map(Run::unit);
    for unit in systemd.living_units("flipless-app@*.service")? {
        let known = staged.as_ref() == Some(&unit) || current.as_ref() == Some(&unit);
        if !known && systemd.state(&unit)? != "deactivating" {
            systemd.stop_later(&unit)?;
        }
    }
    Ok(())
}

/// Makes `run`, which serves, the current one; the one before it drains. `previous` stays a release
/// that is another than the current one: that is what `rollback` is for.
pub fn hand_over(system: &System, state: &mut State, run: Run) -> Result<()> {
    let old = state.current.replace(run);
    state.staged = None;
    if let Some(old) = &old
        && state
            .current
            .as_ref()
            .is_some_and(|current| current.release != old.release)
    {
        state.previous = Some(old.clone());
    }
    state.save(system)?;
    match old {
        Some(old) => Systemd::new(system).stop_later(&old.unit()),
        None => Ok(()),
    }
}
