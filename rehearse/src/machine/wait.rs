//! Waits for a condition, and never for a fixed time.

use std::time::{Duration, Instant};

/// The shortest and the longest pause between two calls of the condition.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(400);
/// A pause takes this many times as long as the call before it, up to [`LONGEST`]. A call may run programs on the
/// instance. With such pauses, waiting keeps only about a tenth of a processor busy.
const REST: u32 = 9;

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
        let asked = Instant::now();
        if let Some(answer) = condition() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep((asked.elapsed() * REST).clamp(SHORTEST, LONGEST));
    }
}
