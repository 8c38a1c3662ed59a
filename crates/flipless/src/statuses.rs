//! The statuses that a health check accepts.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use http::StatusCode;

/// The statuses with which a server is healthy, in the form of a load balancer's matcher: codes and ranges,
/// separated by commas.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
///
/// ```
/// use flipless::Statuses;
/// use http::StatusCode;
///
/// let statuses: Statuses = "200-299,401".parse().unwrap();
/// assert!(statuses.contain(StatusCode::UNAUTHORIZED));
/// assert!(!statuses.contain(StatusCode::FOUND));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

/// The text is not a list of statuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected statuses from 200 to 599, such as `200-299,401`")]
pub struct StatusesError;

impl Statuses {
    /// Returns whether a server that answers with this status is healthy.
    pub fn contain(&self, status: StatusCode) -> bool {
        self.0.iter().any(|range| range.contains(&status.as_u16()))
    }
}

impl Default for Statuses {
    /// Returns the statuses 200 to 299.
    fn default() -> Self {
        Self(vec![200..=299])
    }
}

impl FromStr for Statuses {
    type Err = StatusesError;

    fn from_str(text: &str) -> Result<Self, StatusesError> {
        let code = |text: &str| {
            let code = text.parse().map_err(|_| StatusesError)?;
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let known = digits && (200..=599).contains(&code);
            known.then_some(code).ok_or(StatusesError)
        };
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = code(first)?..=code(last)?;
            (!range.is_empty()).then_some(range).ok_or(StatusesError)
        };
        let ranges: Result<Vec<_>, _> = text.split(',').map(range).collect();
        ranges.map(Self)
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(formatter, "{comma}{}", range.start())?;
            if range.start() != range.end() {
                write!(formatter, "-{}", range.end())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_ranges_are_read_and_written() {
        for text in ["200", "200-299", "200,301-302,404", "200-499"] {
            let statuses: Statuses = text.parse().unwrap();
            assert_eq!(statuses.to_string(), text);
        }
        assert_eq!(Statuses::default().to_string(), "200-299");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "", "2xx", "200-", "-299", "299-200", "99", "600", "200, 301", "+200",
        ] {
            assert_eq!(text.parse::<Statuses>(), Err(StatusesError), "{text:?}");
        }
    }
}
