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

/// Returns whether the state belongs to another instance. Returns false if an identity is unknown: an unreadable file
/// must not make the agent give a serving instance back.
pub fn is_of_another(system: &System, state: &State) -> bool {
    match (&state.instance, identity::of(system)) {
        (Some(then), Some(now)) => identity::differ(then, &now),
        _ => false,
    }
}

/// Gives the instance back, before anything of the other instance serves. A second call completes an interrupted one:
/// the state, which names the other instance, is removed last.
pub fn give_back(system: &System) -> Result<()> {
    // Until this command has ended, systemd starts none of the units.
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
