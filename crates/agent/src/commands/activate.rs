//! `activate`: the gate calls it at boot, and when a connection arrives while no run is active.

use anyhow::{Context, Result};

use crate::deployment::state::State;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Requests the start of the current run, without waiting for this start. Takes no lock, because the command changes no
/// file, and clients must not wait for a deployment that holds the lock.
pub fn activate(system: &System) -> Result<()> {
    let state = State::load(system)?;
    let run = state.current.context("no release is current; deploy one")?;
    Systemd::new(system).start_later(&run.unit())
}
