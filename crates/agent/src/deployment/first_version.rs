//! The first version of an instance: whether EB has flipped to it, and how it becomes current.

use anyhow::Result;
use flipless_settings::layout;

use super::run;
use super::state::{Run, State};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::{paths, units};

/// EB renames the unpacked bundle to the current application before it starts web.service: the agent in
/// it is the evidence of the flip. Where a version with flipless was there before, it is seen too early:
/// that version serves nobody by itself.
pub fn has_flipped(system: &System) -> bool {
    system.exists(paths::FLIPPED_AGENT)
}

/// Makes the first version of an instance, which serves, the current one. Its units last from now on,
/// before the state says so, so that a command in between finds both.
pub fn make_current(system: &System, state: &mut State, run: Run) -> Result<()> {
    units::settle(system)?;
    run::hand_over(system, state, run)?;
    Systemd::new(system).stop(layout::DEADMAN_TIMER)
}

/// After the flip, and before the wait for a first version's server: a reboot during it finds the way to
/// start it.
pub fn let_boots_start(system: &System, run: &Run) -> Result<()> {
    run::give_unit(system, run)?;
    units::settle(system)
}
