//! Starts a run beside another one, and describes why a start failed.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use flipless_settings::layout;

use super::state::Run;
use super::{hold, out_of_memory, surroundings, symptom};
use crate::instance::labels;
use crate::instance::paths::UNITS;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// How many lines of the journal an error contains.
pub const JOURNAL_LINES: u32 = 20;

/// Starts a run as held, and waits until it is ready. The handover ends the hold.
///
/// # Errors
/// If the run does not become ready. The run is then stopped, because `Restart=` would restart it without end.
pub fn start(system: &System, run: &Run) -> Result<()> {
    give_unit(system, run)?;
    hold::hold(system, &run.run)?;
    let systemd = Systemd::new(system);
    systemd.start(&run.unit()).map_err(|error| {
        let lines = systemd.last_lines(&run.unit(), JOURNAL_LINES);
        let hint = symptom::hint(system, &run.unit());
        let stopped = discard(system, run);
        let note = stopped
            .err()
            .map(|why| format!("; {why:#}"))
            .unwrap_or_default();
        // The other lines of systemctl only explain how to read the journal.
        let said = format!("{error}")
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        let unfit = Unfit {
            unit: run.unit(),
            what: format!("the new version did not become ready{note}"),
            lines,
            hint,
        };
        anyhow!(said).context(unfit)
    })
}

/// The error for a run that can't serve.
#[derive(Debug)]
pub struct Unfit {
    /// The run's unit.
    pub unit: String,
    /// The fault, in one line.
    pub what: String,
    /// The last lines that the run wrote.
    pub lines: String,
    /// A hint, if these lines show what to do.
    pub hint: Option<String>,
}

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, lines, .. } = self;
        match lines.is_empty() {
            true => formatter.write_str(what),
            false => write!(formatter, "{what}; its last lines are above:\n{lines}"),
        }
    }
}

impl std::error::Error for Unfit {}

/// Creates the unit file of a run, and the run's link to its release. The unit file is a copy of the file in the
/// release, so that an old release keeps the unit that it was built with. The agent appends a few lines that depend on
/// the instance. systemd finds a new file without a daemon-reload, because it compares the folders' times when it loads
/// a unit (unit_file_build_name_map in its unit-file.c).
pub fn give_unit(system: &System, run: &Run) -> Result<()> {
    let release = format!("{}/{}", layout::RELEASES, run.release);
    let app = format!("{release}/app");
    let template = format!("systemd/{}", layout::APP_TEMPLATE);
    let mut unit = system
        .read_in(Path::new(&app), &template)?
        .with_context(|| {
            format!(
                "the release {} is incomplete ({app}/{template} is missing); deploy its bundle again",
                run.release
            )
        })?;
    unit.extend(surroundings::lines(system, &String::from_utf8_lossy(&unit))?.bytes());
    system.make_folder(layout::RUNS)?;
    let target = format!("../releases/{}", run.release);
    system.link(Path::new(&target), format!("{}/{}", layout::RUNS, run.run))?;
    let path = format!("{UNITS}/{}", run.unit());
    match system.read(&path)?.as_ref() == Some(&unit) {
        true => Ok(()),
        false => {
            system.write(&path, &unit, 0o644)?;
            labels::restore(system, &[&path]);
            Ok(())
        }
    }
}

/// Stops a run that will not serve, waits for its end, and removes its files. If the run already accepts connections,
/// does not wait: the run begins to drain, and the next [`crate::deployment::prune::prune`] removes its files.
pub fn discard(system: &System, run: &Run) -> Result<()> {
    let systemd = Systemd::new(system);
    let is_held = hold::is_held(system, &run.run);
    match systemd.state(&run.unit())?.as_str() {
        "active" | "deactivating" if !is_held => return systemd.stop_later(&run.unit()),
        // The unit file may be missing, if the agent was killed before it wrote the file.
        "inactive" => {}
        _ => systemd.stop(&run.unit())?,
    }
    forget(system, &run.run)
}

/// Removes the files that [`start`] has created for a run, after the run has ended.
pub fn forget(system: &System, run: &str) -> Result<()> {
    let unit = layout::app_unit(run);
    Systemd::new(system).forget_failure(&unit)?;
    system.remove(format!("{UNITS}/{unit}"))?;
    hold::release(system, run)?;
    out_of_memory::forget(system, run)?;
    system.remove(format!("{}/{run}", layout::RUNS))
}
