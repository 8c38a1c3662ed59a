//! Runs: starting one beside another, and what to say when it fails.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use flipless_settings::layout;

use crate::deployment::state::{LastHandover, Run, State};
use crate::instance::paths::UNITS;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// How much of the journal a failure shows.
const JOURNAL_LINES: u32 = 20;

/// Starts a run and waits until it is ready; both runs then accept on the same listener.
///
/// # Errors
/// When it does not become ready. It is stopped then: `Restart=` would go on trying.
pub fn start(system: &System, run: &Run) -> Result<()> {
    give_unit(system, run)?;
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

/// Gives a run its unit and its way to the release. The unit is a copy of the release's own, so that
/// an old release runs as it was built to. systemd finds a new file without a daemon-reload: it looks
/// at the folders' times when a unit is loaded (unit_file_build_name_map in its unit-file.c).
pub fn give_unit(system: &System, run: &Run) -> Result<()> {
    let release = format!("{}/{}", layout::RELEASES, run.release);
    let app = format!("{release}/app");
    let template = format!("systemd/{}", layout::APP_TEMPLATE);
    let unit = system
        .read_in(Path::new(&app), &template)?
        .with_context(|| {
            format!(
                "the release {} is incomplete ({app}/{template} is missing); deploy its bundle again",
                run.release
            )
        })?;
    system.make_folder(layout::RUNS)?;
    let target = format!("../releases/{}", run.release);
    system.link(Path::new(&target), format!("{}/{}", layout::RUNS, run.run))?;
    let path = format!("{UNITS}/{}", run.unit());
    match system.read(&path)?.as_ref() == Some(&unit) {
        true => Ok(()),
        false => system.write(path, &unit, 0o644),
    }
}

/// Stops a run that will not serve. An active run drains, without a wait; its files go
/// with the next [`crate::deployment::prune::prune`].
pub fn discard(system: &System, run: &Run) -> Result<()> {
    let systemd = Systemd::new(system);
    match systemd.state(&run.unit())?.as_str() {
        "active" | "deactivating" => return systemd.stop_later(&run.unit()),
        // It may never have had a unit file: an agent was killed before it wrote it.
        "inactive" => {}
        _ => systemd.stop(&run.unit())?,
    }
    forget(system, &run.run)
}

/// Removes what [`start`] made for a run that has ended.
pub fn forget(system: &System, run: &str) -> Result<()> {
    let unit = layout::app_unit(run);
    Systemd::new(system).forget_failure(&unit)?;
    system.remove(format!("{UNITS}/{unit}"))?;
    system.remove(format!("{}/{run}", layout::RUNS))
}

/// Stops runs that serve though no state names them: an interrupted restart or rollback left them.
pub fn stop_strays(system: &System, state: &State) -> Result<()> {
    let systemd = Systemd::new(system);
    let staged = state.staged.as_ref().map(|staged| staged.run.unit());
    let current = state.current.as_ref().map(Run::unit);
    for unit in systemd.living_units(layout::APP_UNITS)? {
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
    let old = state.current.replace(run.clone());
    state.staged = None;
    if let Some(old) = &old {
        state.handover = Some(LastHandover {
            at: system.commands().unix_time(),
            from: old.run.clone(),
            to: run.run,
        });
        if run.release != old.release {
            state.previous = Some(old.clone());
        }
    }
    state.save(system)?;
    match old {
        Some(old) => Systemd::new(system).stop_later(&old.unit()),
        None => Ok(()),
    }
}
