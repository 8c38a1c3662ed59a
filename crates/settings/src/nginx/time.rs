//! nginx's notation for times (ngx_parse_time in ngx_parse.c).

use std::time::Duration;

/// The units in milliseconds. `ms` comes before `m`. A number without a unit is in seconds.
const UNITS: [(&str, u64); 9] = [
    ("ms", 1),
    ("y", 365 * 24 * 3_600_000),
    ("M", 30 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("", 1_000),
];

/// Parses a time such as `75`, `1m30s`, `1h 30m` or `500ms`; `None` if nginx would refuse it.
///
/// ```
/// use std::time::Duration;
/// use flipless_settings::nginx::parse_time;
/// assert_eq!(parse_time("1m30s"), Some(Duration::from_secs(90)));
/// assert_eq!(parse_time("1y"), Some(Duration::from_secs(365 * 24 * 3600)));
/// assert_eq!(parse_time("soon"), None);
/// ```
pub fn parse_time(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().ok()?;
        let behind = &rest[digits..];
        let (unit, milliseconds) = UNITS.iter().find(|(unit, _)| behind.starts_with(unit))?;
        total = total.checked_add(number.checked_mul(*milliseconds)?)?;
        rest = behind[unit.len()..].trim_start_matches(' ');
    }
    Some(Duration::from_millis(total))
}
