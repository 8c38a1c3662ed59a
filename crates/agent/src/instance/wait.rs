//! Waits for a condition that the agent has to check again and again.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Calls `look` until it returns a value, with a pause after each call. Returns `None` if `look` has returned no value
/// within `limit`.
pub fn wait_for<T>(
    limit: Duration,
    pause: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        sleep(pause);
    }
}
