//! A command that changes the instance: the lock, the state, and the note of a failure.

use std::time::Duration;

use anyhow::Result;

use crate::deployment::rebuild;
use crate::deployment::state::{Failure, State};
use crate::instance::lock::{self, Lock};
use crate::instance::system::System;

pub use crate::instance::output::say;

/// The agent's lock, for a command that changes the instance. Damaged settings don't stop a command here:
/// `stage` replaces them.
pub fn lock(system: &System, command: &str) -> Result<Lock> {
    let settings = system.settings().unwrap_or_default();
    let limit = Duration::from_secs(settings.deploy.lock_seconds);
    lock::take(system, "lock", command, limit)
}

/// Carries out a change under the lock, with the state as it is; what fails is kept for `status`.
pub fn change(
    system: &System,
    command: &str,
    act: impl FnOnce(&mut State) -> Result<()>,
) -> Result<()> {
    let _lock = lock(system, command)?;
    let mut state = rebuild::load_or_rebuild(system)?;
    act(&mut state).inspect_err(|error| note_failure(system, command, error))
}

/// The failure itself is what the caller hears of: that it can't be noted, on a full disk, adds nothing.
fn note_failure(system: &System, command: &str, error: &anyhow::Error) {
    let Ok(mut state) = rebuild::load_or_rebuild(system) else {
        return;
    };
    state.failure = Some(Failure::of(system, command, &format!("{error:#}")));
    let _ = state.save(system);
}
