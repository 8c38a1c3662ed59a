//! Latencies in buckets with a width of one percent. The memory does not grow with the number of requests.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::summary::Latency;

/// The width of a bucket.
const STEP: f64 = 1.01;

/// The number of requests in each bucket.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: BTreeMap<u16, u64>,
    longest: Duration,
}

impl Histogram {
    pub fn add(&mut self, latency: Duration) {
        let micros = latency.as_micros().max(1) as f64;
        // Even a latency of one year needs fewer than 3,200 buckets.
        let bucket = (micros.ln() / STEP.ln()).round() as u16;
        *self.buckets.entry(bucket).or_default() += 1;
        self.longest = self.longest.max(latency);
    }

    pub fn count(&self) -> u64 {
        self.buckets.values().sum()
    }

    /// Returns the percentiles by nearest rank, to one percent, and the exact maximum; `None` without any
    /// latency.
    pub fn latency(&self) -> Option<Latency> {
        (self.count() > 0).then(|| Latency {
            p50_ms: self.at(500),
            p99_ms: self.at(990),
            p999_ms: self.at(999),
            max_ms: self.longest.as_micros() as f64 / 1000.0,
        })
    }

    fn at(&self, thousandths: u64) -> f64 {
        let rank = (self.count() * thousandths).div_ceil(1000);
        let mut seen = 0;
        let bucket = self.buckets.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        let micros = bucket.map_or(0.0, |(bucket, _)| STEP.powi(i32::from(*bucket)));
        (micros.round() / 1000.0).min(self.longest.as_micros() as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_one_percent() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.latency(), None);
        for millis in 1..=1000 {
            histogram.add(Duration::from_millis(millis));
        }
        let near = |found: f64, exact: f64| (found / exact - 1.0).abs() < 0.011;
        let found = histogram.latency();
        assert!(
            found.is_some_and(|latency| {
                near(latency.p50_ms, 500.0)
                    && near(latency.p99_ms, 990.0)
                    && near(latency.p999_ms, 999.0)
                    && latency.max_ms == 1000.0
            }),
            "{found:?}"
        );
    }

    #[test]
    fn no_latency_is_too_short_or_too_long() {
        let mut histogram = Histogram::default();
        histogram.add(Duration::ZERO);
        histogram.add(Duration::from_secs(86_400));
        assert_eq!(histogram.count(), 2);
    }
}
