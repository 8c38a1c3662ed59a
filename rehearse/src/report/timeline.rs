//! Records in bins of 100 ms, for the page's picture.

use std::time::Duration;

use crate::record::Record;

/// The width of a bin.
pub const BIN: Duration = Duration::from_millis(100);

/// All bins in order, from the start of the records' clock.
#[derive(Debug, PartialEq)]
pub struct Timeline {
    /// The bins. Every bin is present; a bin may be empty.
    pub bins: Vec<Bin>,
}

/// The requests of 100 ms.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bin {
    /// The number of answered requests.
    pub answered: usize,
    /// The number of failed requests.
    pub failed: usize,
    /// The number of requests that the server left unprocessed.
    pub unprocessed: usize,
    /// The latencies of the answered short requests; `None` without such requests.
    pub latency: Option<Latency>,
}

/// Latencies of the requests of one bin.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    /// The median.
    pub p50: Duration,
    /// The 99th percentile; with fewer than 100 requests, the maximum.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl Timeline {
    /// Sorts the records into bins. The records may have any order.
    pub fn new(records: &[Record]) -> Self {
        let mut bins: Vec<(Bin, Vec<Duration>)> = Vec::new();
        for record in records {
            let index = (moment(record).as_micros() / BIN.as_micros()) as usize;
            if index >= bins.len() {
                bins.resize_with(index + 1, Default::default);
            }
            let (bin, latencies) = &mut bins[index];
            if record.outcome.failed() {
                bin.failed += 1;
            } else if !record.outcome.answered() {
                bin.unprocessed += 1;
            } else {
                bin.answered += 1;
                // A refusal is fast, and a slow request is slow by design. Neither shows how fast the server is.
                if record.kind.is_quick() {
                    latencies.push(record.latency);
                }
            }
        }
        let bins = bins.into_iter().map(|(bin, latencies)| Bin {
            latency: Latency::of(latencies),
            ..bin
        });
        Self {
            bins: bins.collect(),
        }
    }

    /// The end of the last bin.
    pub fn end(&self) -> Duration {
        BIN.saturating_mul(u32::try_from(self.bins.len()).unwrap_or(u32::MAX))
    }

    /// How long requests failed: the total length of the bins with failures.
    pub fn failing(&self) -> Duration {
        let bins = self.bins.iter().filter(|bin| bin.failed > 0).count();
        BIN.saturating_mul(u32::try_from(bins).unwrap_or(u32::MAX))
    }
}

impl Bin {
    /// The number of requests in this bin.
    pub fn requests(&self) -> usize {
        self.answered + self.failed + self.unprocessed
    }
}

impl Latency {
    fn of(mut latencies: Vec<Duration>) -> Option<Self> {
        latencies.sort_unstable();
        // Nearest rank: the smallest value for which at least this percentage of values is not larger.
        let rank = |percent: usize| {
            latencies
                .get((latencies.len() * percent).div_ceil(100).max(1) - 1)
                .copied()
        };
        Some(Self {
            p50: rank(50)?,
            p99: rank(99)?,
            max: rank(100)?,
        })
    }
}

/// Returns the moment that decides the bin of a record: the end of a long request that failed, and the intended start
/// of any other request.
fn moment(record: &Record) -> Duration {
    if record.outcome.failed() && !record.kind.is_quick() {
        record.at + record.latency
    } else {
        record.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Kind, Outcome};

    fn record(at: u64, kind: Kind, latency: u64, outcome: Outcome) -> Record {
        let [at, latency] = [at, latency].map(Duration::from_millis);
        Record {
            at,
            kind,
            latency,
            outcome,
            run: None,
            certificate: None,
        }
    }

    #[test]
    fn a_bin_begins_at_its_start_and_ends_before_the_next() {
        let records = [99, 0, 100, 350].map(|at| record(at, Kind::New, 2, Outcome::Ok));
        let answered: Vec<_> = Timeline::new(&records)
            .bins
            .iter()
            .map(|bin| bin.answered)
            .collect();
        assert_eq!(answered, [2, 1, 0, 1]);
    }

    #[test]
    fn latencies_are_nearest_ranks() {
        let records: Vec<_> = (1..=200)
            .map(|ms| record(5, Kind::KeepAlive, ms, Outcome::Ok))
            .collect();
        let [p50, p99, max] = [100, 198, 200].map(Duration::from_millis);
        assert_eq!(
            Timeline::new(&records).bins[0].latency,
            Some(Latency { p50, p99, max })
        );
    }

    #[test]
    fn failures_and_slow_requests_do_not_count_in_latencies() {
        let records = [
            record(0, Kind::New, 1, Outcome::Refused),
            record(10, Kind::Slow, 3000, Outcome::Ok),
            record(20, Kind::Upload, 3000, Outcome::Ok),
        ];
        assert_eq!(
            Timeline::new(&records).bins,
            [Bin {
                answered: 2,
                failed: 1,
                unprocessed: 0,
                latency: None
            }]
        );
    }

    #[test]
    fn a_long_request_that_was_cut_off_fails_when_it_is_cut_off() {
        let timeline = Timeline::new(&[record(50, Kind::Slow, 400, Outcome::Reset)]);
        let failed: Vec<_> = timeline.bins.iter().map(|bin| bin.failed).collect();
        assert_eq!(failed, [0, 0, 0, 0, 1]);
        assert_eq!((timeline.failing(), timeline.end()), (BIN, BIN * 5));
    }

    #[test]
    fn without_records_there_are_no_bins() {
        assert_eq!(Timeline::new(&[]), Timeline { bins: vec![] });
    }
}
