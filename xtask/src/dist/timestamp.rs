//! The timestamp of all entries. It never comes from the clock.

use anyhow::{Context, Result};
use time::{OffsetDateTime, PrimitiveDateTime};
use zip::DateTime;

use crate::tools;

/// Returns the time in `SOURCE_DATE_EPOCH` (seconds since 1970,
/// <https://reproducible-builds.org/specs/source-date-epoch/>). If the variable is not set, returns 1980-01-01, the
/// earliest time that a zip can contain.
///
/// # Errors
/// If the variable is not a number, or is later than 2107.
pub fn from_environment() -> Result<DateTime> {
    Ok(asked_for()?.unwrap_or_default())
}

/// Returns the time in `SOURCE_DATE_EPOCH` in the form of RFC 3339. `None` if the variable is not set.
///
/// # Errors
/// If the variable is not a number, or is later than 2107.
pub fn text_from_environment() -> Result<Option<String>> {
    Ok(asked_for()?.map(|time| format!("{time}Z").replace(' ', "T")))
}

fn asked_for() -> Result<Option<DateTime>> {
    let Some(text) = tools::variable("SOURCE_DATE_EPOCH") else {
        return Ok(None);
    };
    let text = text.to_string_lossy();
    let seconds = text
        .parse()
        .with_context(|| format!("SOURCE_DATE_EPOCH={text} is not a number of seconds"))?;
    from_epoch(seconds)
        .with_context(|| {
            format!(
                "SOURCE_DATE_EPOCH={text} is later than 2107, the last year that a zip can contain"
            )
        })
        .map(Some)
}

/// Converts to UTC. A time before 1980 becomes 1980-01-01.
fn from_epoch(seconds: u64) -> Result<DateTime> {
    let time = OffsetDateTime::from_unix_timestamp(seconds.try_into()?)?;
    match time.year() < 1980 {
        true => Ok(DateTime::default()),
        false => Ok(DateTime::try_from(PrimitiveDateTime::new(
            time.date(),
            time.time(),
        ))?),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_a_date_in_utc() {
        for (seconds, expected) in [
            (0, (1980, 1, 1, 0, 0, 0)),
            (315_532_800, (1980, 1, 1, 0, 0, 0)),
            (951_782_398, (2000, 2, 28, 23, 59, 58)),
            (951_868_800, (2000, 3, 1, 0, 0, 0)),
            (1_709_164_800, (2024, 2, 29, 0, 0, 0)),
            (1_735_689_598, (2024, 12, 31, 23, 59, 58)),
        ] {
            let t = from_epoch(seconds).unwrap();
            let found = (
                t.year(),
                t.month(),
                t.day(),
                t.hour(),
                t.minute(),
                t.second(),
            );
            assert_eq!(found, expected, "{seconds}");
        }
        assert!(from_epoch(u64::MAX).is_err());
        assert!(from_epoch(4_400_000_000).is_err());
    }
}
