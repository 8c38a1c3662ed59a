//! The handover: a ready run becomes the current run.

use anyhow::{Error, Result};
use flipless_settings::layout;

use super::certificates::at_flip;
use super::run::{self, JOURNAL_LINES, Unfit};
use super::state::{LastHandover, Run, State};
use super::{ends, environment, health_log, hold, out_of_memory, symptom, trial};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::units;

/// Hands over to the staged run, after EB has flipped to it.
///
/// # Errors
/// If the run can no longer serve, or if it lacks a property. The state is then unchanged, and the caller decides what
/// to do. If the handover itself fails, the state is as it was saved last.
pub fn flip(system: &System, state: &mut State, run: Run) -> Result<()> {
    let compared = environment::check(system, &run.release)?;
    if state.current.is_none() {
        // EB has already replaced the previous application. From here on a reboot starts this run.
        run::give_unit(system, &run)?;
        units::settle(system)?;
        Systemd::new(system).start(layout::APP_SOCKET)?;
    }
    make_ready(system, state, &run)?;
    // A release that is already current needs no trial.
    if state.current.as_ref().map(|run| &run.release) != Some(&run.release) {
        state.trial = trial::begin(system)?;
    }
    state.rotated = compared.rotated;
    health_log::share(system);
    // Copies EB's file before the state names the run. In the other order, a rollback after an interruption would treat
    // the properties of this deployment as changes that EB has made since the deployment.
    let before = environment::last_of_eb(system);
    environment::remember(system, compared.file.as_ref());
    hand_over(system, state, run).inspect_err(|_| {
        // The disk may have been full, so the last saved state counts.
        if let Ok(saved) = State::load(system) {
            *state = saved;
        }
        environment::remember(system, before.as_ref());
    })
}

/// Makes sure that the staged run is ready. Starts the run if it has not been started in this boot. In this case
/// another application had the port, or the instance was rebooted after EB's rename. Fails if a process of the run has
/// ended before the flip. Without a current run this is no failure, and an inactive run is started once more.
fn make_ready(system: &System, state: &State, run: &Run) -> Result<()> {
    let systemd = Systemd::new(system);
    let is_active = systemd.is_active(&run.unit())?;
    let ends = ends::of(system, &run.run)?.len();
    match (is_active, ends) {
        (true, 0) => Ok(()),
        (true, _) if state.current.is_none() => Ok(()),
        (false, _) if ends == 0 || state.current.is_none() => run::start(system, run),
        _ => {
            let did = if is_active { "crashed" } else { "ended" };
            Err(Error::new(Unfit {
                unit: run.unit(),
                what: format!("the staged run {} {did} before EB's flip", run.run),
                lines: systemd.last_lines(&run.unit(), JOURNAL_LINES),
                hint: symptom::hint(system, &run.unit()),
            }))
        }
    }
}

/// Makes the ready run `run` the current run. The old run begins to drain. `previous` always belongs to another
/// deployed release than `current`, so that `rollback` changes more than rotated properties.
pub fn hand_over(system: &System, state: &mut State, run: Run) -> Result<()> {
    let old = state.current.replace(run.clone());
    state.staged = None;
    if let Some(old) = &old {
        state.handover = Some(LastHandover {
            at: system.commands().unix_time(),
            from: old.run.clone(),
            to: run.run.clone(),
        });
        if run.release != old.release && run.deployed() != old.deployed() {
            state.previous = Some(old.clone());
        }
    }
    // Saves the state before the new run accepts connections. After an interruption one run still serves, and
    // the next command completes the handover.
    state.save(system)?;
    hold::release(system, &run.run)?;
    let systemd = Systemd::new(system);
    if let Some(old) = old {
        systemd.stop_later(&old.unit())?;
    }
    at_flip::take_effect_or_warn(system, &run);
    out_of_memory::protect(system, &run.run);
    systemd.stop(layout::DEADMAN_TIMER)
}

/// Completes an interrupted handover: the current run accepts connections, and every run beside it stops. If the
/// changes of HTTPS can't take effect, prints a warning, because a rollback must not depend on a certificate.
pub fn finish(system: &System, state: &State) -> Result<()> {
    complete(system, state, |run| {
        at_flip::take_effect_or_warn(system, run);
        Ok(())
    })
}

/// Does the same as [`finish`] for `commit`, which tells EB whether the deployment has succeeded.
///
/// # Errors
/// If the handover can't be completed, or if the changes of HTTPS can't take effect. In the second case everything else
/// is complete.
pub fn finish_with_https(system: &System, state: &State) -> Result<()> {
    complete(system, state, |run| at_flip::take_effect(system, run))
}

fn complete(
    system: &System,
    state: &State,
    take_effect: impl FnOnce(&Run) -> Result<()>,
) -> Result<()> {
    let mut effect = Ok(());
    if let Some(current) = &state.current {
        hold::release(system, &current.run)?;
        effect = take_effect(current);
        out_of_memory::protect(system, &current.run);
    }
    stop_strays(system, state).and(effect)
}

/// Stops active runs that the state does not name. An interrupted handover leaves such runs.
fn stop_strays(system: &System, state: &State) -> Result<()> {
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
