//! Times: seconds since 1970 in the state, and text in messages.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A minute in seconds.
pub const MINUTE: u64 = 60;
/// An hour in seconds.
pub const HOUR: u64 = 60 * MINUTE;
/// A day in seconds.
pub const DAY: u64 = 24 * HOUR;

/// Returns the time of this instance's clock.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Returns a time as text, in UTC.
///
/// ```
/// assert_eq!(flipless_certificates::clock::text(1_000_000_000), "2001-09-09T01:46:40Z");
/// ```
pub fn text(seconds: u64) -> String {
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let text = time.and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| format!("second {seconds} after 1970"))
}
