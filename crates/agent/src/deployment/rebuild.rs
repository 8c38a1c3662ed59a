//! Rebuilds a lost state file. Without the state, the next deployment would not find the current run, and would stop
//! this run.

use anyhow::Result;
use flipless_settings::layout;

use super::hold;
use super::state::{Run, State, parse_run};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Reads the state. Rebuilds a lost state from the active runs.
pub fn load_or_rebuild(system: &System) -> Result<State> {
    match system.exists(layout::STATE) {
        true => State::load(system),
        false => from_what_runs(system),
    }
}

/// Rebuilds the state. The current run is the newest one that is active and not held. The next run gets the
/// number after the highest known one. On an instance without runs, the result is a new state.
fn from_what_runs(system: &System) -> Result<State> {
    let mut state = State::new(system.settings()?.front.mode);
    let systemd = Systemd::new(system);
    let mut active = Vec::new();
    for unit in systemd.living_units(layout::APP_UNITS)? {
        let run = layout::run_of_unit(&unit).filter(|run| !hold::is_held(system, run));
        if systemd.is_active(&unit)? {
            active.extend(run.and_then(numbered));
        }
    }
    let known = system.names(layout::RUNS)?;
    let highest = known.iter().filter_map(|run| numbered(run)).max();
    if let Some((number, _)) = highest.max(active.iter().max().cloned()) {
        state.next_run = number + 1;
    }
    state.current = active.into_iter().max().map(|(_, mut run)| {
        run.since = system.commands().unix_time();
        run
    });
    Ok(state)
}

/// Parses `RELEASE-N`. The number comes first in the result, so that the newest run compares as the greatest.
fn numbered(run: &str) -> Option<(u64, Run)> {
    let (release, number) = parse_run(run)?;
    let numbered = Run {
        release: release.to_owned(),
        run: run.to_owned(),
        since: 0,
        copy_of: None,
    };
    Some((number, numbered))
}
