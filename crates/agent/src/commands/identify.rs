//! `identify`: gives the instance back if it was started from an image of another instance.

use anyhow::Result;

use super::change::{change, say};
use crate::deployment::image;
use crate::deployment::state::State;
use crate::instance::system::System;

/// Gives this instance back if the state names another instance. Otherwise takes no lock, so that a boot does not wait.
pub fn identify(system: &System) -> Result<()> {
    // A damaged state names no instance. Other commands report the damage.
    let is_of_another = |system: &System| {
        State::load(system).is_ok_and(|state| image::is_of_another(system, &state))
    };
    if !is_of_another(system) {
        return Ok(());
    }
    change(system, "identify", |state| {
        if !image::is_of_another(system, state) {
            return Ok(());
        }
        say("giving the instance back, since it was started from an image of another instance");
        image::give_back(system)
    })
}
