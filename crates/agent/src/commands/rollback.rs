//! `rollback`: returns to the previous release without an outage.

use anyhow::{Context, Result};

use super::change::change;
use super::restart::{outrank, refresh_if_possible, take_over};
use crate::instance::system::System;

/// Starts the previous release beside the current one, and hands over to it. The current release becomes the previous
/// one, so a second rollback undoes the first. As in a restart, the server gets the properties that EB has changed
/// since the flip, because the old value of a rotated secret may have become invalid.
pub fn rollback(system: &System) -> Result<()> {
    change(system, "rollback", |state| {
        outrank(system, state, "rollback")?;
        let previous = state
            .previous
            .clone()
            .context("there is no previous release to roll back to")?;
        // A release that the user has chosen needs no trial.
        state.trial = None;
        let next = refresh_if_possible(system, state, &previous);
        take_over(system, state, next, |_| ())
    })
}
