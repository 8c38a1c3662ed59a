//! `rollback`: returns to the previous release without an outage.

use anyhow::{Context, Result};

use super::change::change;
use super::restart::{outrank, take_over};
use crate::instance::system::System;

/// Starts the previous release beside the current one, and hands over to it. The current release becomes the
/// previous one, so a second rollback undoes the first.
pub fn rollback(system: &System) -> Result<()> {
    change(system, "rollback", |state| {
        outrank(system, state, "rollback")?;
        let previous = state
            .previous
            .clone()
            .context("there is no previous release to roll back to")?;
        // A release that the user has chosen needs no trial.
        state.trial = None;
        take_over(system, state, &previous.release, |_| ())
    })
}
