//! Waits for a condition, and never only for a time.

use std::time::{Duration, Instant};

/// The shortest and the longest pause between two questions.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(400);
/// A question may run programs on the instance. With pauses of this many times its length, waiting keeps only a
/// tenth of a processor busy.
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
