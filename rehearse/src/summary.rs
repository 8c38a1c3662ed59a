//! A summary of all records of a scenario.

use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use crate::record::{Outcome, Record};

/// The summary of a scenario's requests; `rehearse --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The number of requests of all clients.
    pub requests: usize,
    /// The number of failed requests.
    pub failed: usize,
    /// The number of requests that the server left unprocessed ([`Outcome::Unprocessed`]). Such a request was neither
    /// answered, nor did it fail.
    pub unprocessed: usize,
    /// The failures by outcome.
    pub kinds: Failures,
    /// Latency of the requests outside the deployment. `None` if no such request was answered.
    pub steady: Option<Latency>,
    /// Latency of the requests that were in flight at some time during the deployment. `None` if no such request was
    /// answered.
    pub deploy: Option<Latency>,
}

/// The number of failed requests by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// The connection was refused.
    pub refused: usize,
    /// The connection was reset.
    pub reset: usize,
    /// The connection was closed before an answer began.
    pub closed: usize,
    /// No answer within the limit.
    pub timeout: usize,
    /// An answer other than 2xx.
    pub status: usize,
    /// An incomplete answer.
    pub truncated: usize,
    /// A failed TLS handshake.
    pub handshake: usize,
}

/// Percentiles, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// The median.
    pub p50_ms: f64,
    /// 99 of 100 latencies are at most this long.
    pub p99_ms: f64,
    /// 999 of 1000 latencies are at most this long.
    pub p999_ms: f64,
    /// The maximum.
    pub max_ms: f64,
}

impl Summary {
    /// Summarises `records`. Latency covers only answered short requests (new and kept connections), because the client
    /// determines how long the other requests take.
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
            .filter(|record| record.kind.is_quick() && record.outcome.answered())
            .partition(|record| record.is_in_flight(&deploy_window));
        Self {
            requests: records.len(),
            failed: kinds.total(),
            unprocessed: unprocessed(records),
            kinds,
            steady: Latency::of(steady.iter().map(|record| record.latency).collect()),
            deploy: Latency::of(deploy.iter().map(|record| record.latency).collect()),
        }
    }
}

/// The number of requests that the server left unprocessed.
pub(crate) fn unprocessed(records: &[Record]) -> usize {
    let left = |record: &&Record| record.outcome == Outcome::Unprocessed;
    records.iter().filter(left).count()
}

impl Failures {
    pub(crate) fn of(records: &[Record]) -> Self {
        let mut kinds = Self::default();
        for record in records {
            match record.outcome {
                Outcome::Ok | Outcome::Unprocessed => {}
                Outcome::Refused => kinds.refused += 1,
                Outcome::Reset => kinds.reset += 1,
                Outcome::Closed => kinds.closed += 1,
                Outcome::Timeout => kinds.timeout += 1,
                Outcome::Status(_) => kinds.status += 1,
                Outcome::Truncated => kinds.truncated += 1,
                Outcome::Handshake => kinds.handshake += 1,
            }
        }
        kinds
    }

    /// Adds the failures of other requests.
    pub(crate) fn add(&mut self, more: &Self) {
        self.refused += more.refused;
        self.reset += more.reset;
        self.closed += more.closed;
        self.timeout += more.timeout;
        self.status += more.status;
        self.truncated += more.truncated;
        self.handshake += more.handshake;
    }

    /// The number of all failures.
    pub fn total(&self) -> usize {
        let Self {
            refused,
            reset,
            closed,
            timeout,
            status,
            truncated,
            handshake,
        } = self;
        refused + reset + closed + timeout + status + truncated + handshake
    }
}

impl Latency {
    /// Returns exact percentiles, by nearest rank. `None` if there are no latencies.
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

/// Returns the index of a percentile in `count` sorted values, by nearest rank.
fn rank(count: usize, thousandths: usize) -> usize {
    (count * thousandths).div_ceil(1000).saturating_sub(1)
}

/// Converts to milliseconds. Drops the nanoseconds, and keeps the microseconds.
fn milliseconds(latency: Duration) -> f64 {
    latency.as_micros() as f64 / 1000.0
}

#[cfg(test)]
mod tests;
