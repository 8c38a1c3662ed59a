//! `rollback`: back to the previous release, overlapped.

use anyhow::{Context, Result};

use super::change::change;
use super::restart::{outrank, take_over};
use crate::instance::system::System;

/// Starts the previous release beside the current one and hands over to it. A second rollback
/// goes forward again.
pub fn rollback(system: &System) -> Result<()> {
    change(system, "rollback", |state| {
        outrank(system, state, "rollback")?;
        let previous = state
            .previous
            .clone()
            .context("there is no previous release to roll back to")?;
        // A person has decided: what comes next is theirs to judge.
        state.trial = None;
        take_over(system, state, &previous.release)
    })
}
