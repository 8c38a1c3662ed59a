//! `rollback`: back to the previous release, overlapped.

use anyhow::{Context, Result, bail};

use super::lock;
use super::restart::take_over;
use crate::state::State;
use crate::system::System;

/// Starts the previous release beside the current one and hands over to it. A second rollback
/// goes forward again.
pub fn rollback(system: &System) -> Result<()> {
    let _lock = lock(system, "rollback")?;
    let mut state = State::load(system)?;
    state.forget_stale(system)?;
    if let Some(staged) = &state.staged {
        bail!("{} is staged: a deployment is under way", staged.run.run);
    }
    let previous = state
        .previous
        .clone()
        .context("there is no previous release")?;
    take_over(system, &mut state, &previous.release)
}
