//! Numbers of a load: failures by kind, percentiles of steady state and deployment.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::sample::{Outcome, Sample};
use crate::clock::Window;

/// Failed requests by how they ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// Nobody listened.
    pub refused: u64,
    /// The connection was reset.
    pub reset: u64,
    /// Closed before an answer.
    pub closed: u64,
    /// No answer in time.
    pub timeout: u64,
    /// A status other than 2xx.
    pub status: u64,
    /// An answer that broke off.
    pub truncated: u64,
}

impl Failures {
    fn count(&mut self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Ok => return,
            Outcome::Refused => &mut self.refused,
            Outcome::Reset => &mut self.reset,
            Outcome::Closed => &mut self.closed,
            Outcome::Timeout => &mut self.timeout,
            Outcome::Status(_) => &mut self.status,
            Outcome::Truncated => &mut self.truncated,
        };
        *counter += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.refused + self.reset + self.closed + self.timeout + self.status + self.truncated
    }
}

/// Latencies in milliseconds; zeros when there was no request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of the requests took at most this.
    pub p50_ms: f64,
    /// 99 %.
    pub p99_ms: f64,
    /// 99.9 %.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// A load in numbers.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// All requests.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// How.
    pub kinds: Failures,
    /// Quick requests outside of the deployment.
    pub steady: Percentiles,
    /// Quick requests begun in the deployment.
    pub deploy: Percentiles,
}

/// Summarises `samples`; those begun in one of `windows` are the deployment's.
///
/// Failed requests count with their latency too: a request that timed out took that long.
pub fn summarise(samples: &[Sample], windows: &[Window]) -> Summary {
    let mut kinds = Failures::default();
    let (mut steady, mut deploy) = (Vec::new(), Vec::new());
    for sample in samples {
        kinds.count(sample.outcome);
        if sample.kind.is_quick() {
            let inside = windows.iter().any(|window| window.contains(sample.at));
            if inside { &mut deploy } else { &mut steady }.push(sample.latency);
        }
    }
    Summary {
        requests: samples.len() as u64,
        failed: kinds.total(),
        kinds,
        steady: percentiles(&steady),
        deploy: percentiles(&deploy),
    }
}

/// A minute in microseconds: more than any limit of a client.
const LONGEST: u64 = 60_000_000;

fn percentiles(latencies: &[Duration]) -> Percentiles {
    // Three digits, from one microsecond on: the bounds are valid.
    let Ok(mut histogram) = Histogram::<u32>::new_with_bounds(1, LONGEST, 3) else {
        return Percentiles::default();
    };
    for latency in latencies {
        histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LONGEST));
    }
    if latencies.is_empty() {
        return Percentiles::default();
    }
    #[allow(clippy::cast_precision_loss)]
    let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    Percentiles {
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
        max_ms: at(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Kind;
    use super::*;

    fn sample(at_ms: u64, latency_ms: u64, kind: Kind, outcome: Outcome) -> Sample {
        let (at, latency) = (
            Duration::from_millis(at_ms),
            Duration::from_millis(latency_ms),
        );
        Sample {
            at,
            kind,
            latency,
            outcome,
            run: None,
        }
    }

    #[test]
    fn percentiles_are_those_of_the_window() {
        let steady =
            (1..=1000).map(|number| sample(number, number % 100 + 1, Kind::New, Outcome::Ok));
        let deploy = (0..10).map(|number| sample(2000 + number, 500, Kind::KeepAlive, Outcome::Ok));
        let samples: Vec<_> = steady.chain(deploy).collect();
        let window = Window {
            start: Duration::from_secs(2),
            end: Duration::from_secs(3),
        };
        let summary = summarise(&samples, &[window]);
        let near = |value: f64, expected: f64| (value - expected).abs() < expected * 0.002;
        assert!(near(summary.steady.p50_ms, 50.0), "{summary:?}");
        assert!(near(summary.steady.p99_ms, 99.0), "{summary:?}");
        assert!(near(summary.steady.max_ms, 100.0), "{summary:?}");
        assert!(near(summary.deploy.p50_ms, 500.0), "{summary:?}");
    }

    #[test]
    fn every_failure_is_counted_once_and_long_kinds_have_no_latency() {
        let outcomes = [
            Outcome::Refused,
            Outcome::Status(502),
            Outcome::Status(404),
            Outcome::Truncated,
            Outcome::Ok,
        ];
        let samples: Vec<_> = outcomes
            .map(|outcome| sample(1, 9000, Kind::Slow, outcome))
            .into();
        let summary = summarise(&samples, &[]);
        assert_eq!((summary.requests, summary.failed), (5, 4));
        assert_eq!(
            summary.kinds,
            Failures {
                refused: 1,
                status: 2,
                truncated: 1,
                ..Failures::default()
            }
        );
        assert_eq!(summary.steady, Percentiles::default());
    }
}
