//! Waits for a condition, never for a time alone.

use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(10);

/// Calls `condition` until it returns a value, or until `deadline` has passed.
///
/// ```
/// use std::time::Duration;
/// let answer = rehearse::machine::wait_for(Duration::from_secs(1), || Some(42));
/// assert_eq!(answer, Some(42));
/// ```
pub fn wait_for<T>(deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = condition() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(STEP);
    }
}
