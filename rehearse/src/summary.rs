//! All records of a scenario in a few figures.

use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use crate::record::{Kind, Outcome, Record};

/// A scenario's requests, as `rehearse --json` shows them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// All requests, of every kind of client.
    pub requests: usize,
    /// Those that failed.
    pub failed: usize,
    /// The failures, by how.
    pub kinds: Failures,
    /// Latency outside the deployment; none when nothing was answered then.
    pub steady: Option<Latency>,
    /// Latency of all that was in flight at some time of the deployment.
    pub deploy: Option<Latency>,
}

/// How many requests failed in each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// Nobody listened.
    pub refused: usize,
    /// The connection was reset.
    pub reset: usize,
    /// The connection was closed before an answer began.
    pub closed: usize,
    /// No answer in time.
    pub timeout: usize,
    /// An answer other than 2xx.
    pub status: usize,
    /// An answer that was not whole.
    pub truncated: usize,
}

/// Percentiles, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// The median.
    pub p50_ms: f64,
    /// 99 of 100 are at most this.
    pub p99_ms: f64,
    /// 999 of 1000 are at most this.
    pub p999_ms: f64,
    /// The greatest.
    pub max_ms: f64,
}

impl Summary {
    /// Only the latencies of short requests (new and kept connections) that went well are compared:
    /// the others take as long as they were asked to.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rehearse::summary::Summary;
    ///
    /// let nothing = Summary::of(&[], Duration::ZERO..Duration::from_secs(1));
    /// assert_eq!((nothing.requests, nothing.failed, nothing.steady), (0, 0, None));
    /// ```
    pub fn of(records: &[Record], deploy_window: Range<Duration>) -> Self {
        let kinds = Failures::of(records);
        let (deploy, steady): (Vec<_>, Vec<_>) = records
            .iter()
            .filter(|record| matches!(record.kind, Kind::New | Kind::KeepAlive))
            .filter(|record| !record.outcome.failed())
            .partition(|record| lives_in(record, &deploy_window));
        Self {
            requests: records.len(),
            failed: kinds.total(),
            kinds,
            steady: Latency::of(steady.iter().map(|record| record.latency).collect()),
            deploy: Latency::of(deploy.iter().map(|record| record.latency).collect()),
        }
    }
}

fn lives_in(record: &Record, window: &Range<Duration>) -> bool {
    record.at < window.end && record.at + record.latency >= window.start
}

impl Failures {
    pub(crate) fn of(records: &[Record]) -> Self {
        let mut kinds = Self::default();
        for record in records {
            match record.outcome {
                Outcome::Ok => {}
                Outcome::Refused => kinds.refused += 1,
                Outcome::Reset => kinds.reset += 1,
                Outcome::Closed => kinds.closed += 1,
                Outcome::Timeout => kinds.timeout += 1,
                Outcome::Status(_) => kinds.status += 1,
                Outcome::Truncated => kinds.truncated += 1,
            }
        }
        kinds
    }

    /// Adds those of other requests.
    pub(crate) fn add(&mut self, more: &Self) {
        self.refused += more.refused;
        self.reset += more.reset;
        self.closed += more.closed;
        self.timeout += more.timeout;
        self.status += more.status;
        self.truncated += more.truncated;
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.refused + self.reset + self.closed + self.timeout + self.status + self.truncated
    }
}

impl Latency {
    /// Exact percentiles by nearest rank; none of nothing.
    pub fn of(mut latencies: Vec<Duration>) -> Option<Self> {
        latencies.sort_unstable();
        let max = latencies.last()?;
        let at = |thousandths| milliseconds(latencies[rank(latencies.len(), thousandths)]);
        Some(Self {
            p50_ms: at(500),
            p99_ms: at(990),
            p999_ms: at(999),
            max_ms: milliseconds(*max),
        })
    }
}

/// The index of the least value that at least `thousandths` of all `count` do not exceed.
fn rank(count: usize, thousandths: usize) -> usize {
    (count * thousandths).div_ceil(1000).saturating_sub(1)
}

/// To the microsecond: the clock shows no more.
fn milliseconds(latency: Duration) -> f64 {
    latency.as_micros() as f64 / 1000.0
}

#[cfg(test)]
mod tests;
