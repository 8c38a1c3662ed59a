//! `activate`: what the gate runs when a connection comes in and no run is active, and at boot.

use anyhow::{Context, Result};

use crate::deployment::state::State;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Asks for the start of the current run. Reads only: a deployment that holds the lock must not keep clients waiting.
pub fn activate(system: &System) -> Result<()> {
    let state = State::load(system)?;
    let run = state.current.context("no release is current; deploy one")?;
    Systemd::new(system).start_later(&run.unit())
}
