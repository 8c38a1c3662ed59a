//! Takes the lock, loads the state and records a failure, for the commands that change the instance.

use std::time::Duration;

use anyhow::Result;

use crate::deployment::rebuild;
use crate::deployment::state::{Failure, State};
use crate::instance::lock::{self, Lock};
use crate::instance::system::System;

pub use crate::instance::output::say;

/// Takes the agent's lock for a command that changes the instance. Accepts damaged settings, because `stage` has to
/// replace them.
pub fn lock(system: &System, command: &str) -> Result<Lock> {
    let settings = system.settings().unwrap_or_default();
    let limit = Duration::from_secs(settings.deploy.lock_seconds);
    lock::take(system, "lock", command, limit)
}

/// Takes the lock, loads the state, and makes a change. Records a failure for `status`.
pub fn change(
    system: &System,
    command: &str,
    act: impl FnOnce(&mut State) -> Result<()>,
) -> Result<()> {
    let _lock = lock(system, command)?;
    let mut state = rebuild::load_or_rebuild(system)?;
    act(&mut state).inspect_err(|error| note_failure(system, command, error))
}

/// Records a failure for `status`. If this record can't be written, for example on a full disk, the caller still
/// reports the failure.
fn note_failure(system: &System, command: &str, error: &anyhow::Error) {
    let Ok(mut state) = rebuild::load_or_rebuild(system) else {
        return;
    };
    state.failure = Some(Failure::of(system, command, &format!("{error:#}")));
    let _ = state.save(system);
}
