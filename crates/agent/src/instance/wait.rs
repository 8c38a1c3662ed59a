//! Waiting for something that only a look can tell.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Calls `look` until it returns a value, with a pause after each call. Returns `None` if it returned none before
/// `limit` was over.
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
