//! An instance that was started from an image (AMI) of another instance. It has the units, releases and state of that
//! instance, which must not serve before EB's first deployment.

use anyhow::Result;
use flipless_settings::layout;

use super::give_back::Nginx;
use super::state::State;
use super::{certificates, flipped, withdrawal};
use crate::instance::identity;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Returns whether the state belongs to another instance. Returns false if an identity is unknown. Otherwise an
/// unreadable file would make the agent give back an instance that serves.
pub fn is_of_another(system: &System, state: &State) -> bool {
    match (&state.instance, identity::of(system)) {
        (Some(then), Some(now)) => identity::differ(then, &now),
        _ => false,
    }
}

/// Gives the instance back before anything of the other instance serves. Removes the state last, because it names the
/// other instance: so a second call finds it and completes an interrupted first call.
pub fn give_back(system: &System) -> Result<()> {
    // While this file exists, systemd starts neither the listeners of flipless nor the front nor the gate
    // (`ConditionPathExists=`).
    system.write(layout::FROM_IMAGE, b"", 0o644)?;
    flipped::disown(system)?;
    let nginx = match Systemd::new(system).is_active(layout::NGINX)? {
        true => Nginx::Restarts,
        false => Nginx::IsStopped,
    };
    withdrawal::give(system, nginx)?;
    certificates::forget_account(system)?;
    withdrawal::remove_files(system)
}
