//! Summarises the records of a long load in little memory. Counts the requests, and keeps only the failures.

mod histogram;

use crate::clock::Window;
use crate::record::Record;
use crate::scenario::excuse::{
    Circumstances, IDLE, IN_FLIGHT, describe, is_closed_by_reload, is_lost,
};
use crate::summary::{self, Failures, Summary};
use histogram::Histogram;

/// How many failures are kept. Further ones are only counted.
const KEPT: usize = 10_000;

/// A summary of all records so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    requests: usize,
    unprocessed: usize,
    kinds: Failures,
    steady: Histogram,
    deploy: Histogram,
    /// The failures, excused or not.
    pub failures: Vec<Record>,
    in_flight: usize,
    idle: usize,
}

/// A summary of the records of one call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub requests: usize,
    /// A description of the failures without an excuse; empty if there are none.
    pub lost: String,
}

impl Tally {
    /// Adds records, and returns a summary of these records. Most of them are from the deployment in `window`.
    pub fn add(&mut self, records: &[Record], window: Window, with: &Circumstances) -> Part {
        let failed = records.iter().filter(|record| record.outcome.failed());
        let failed: Vec<&Record> = failed.collect();
        let mut lost = Vec::new();
        for record in &failed {
            match excuse(record, with) {
                Some(IN_FLIGHT) => self.in_flight += 1,
                Some(_) => self.idle += 1,
                None => lost.push(*record),
            }
        }
        self.requests += records.len();
        self.unprocessed += summary::unprocessed(records);
        self.kinds.add(&Failures::of(records));
        let room = KEPT.saturating_sub(self.failures.len());
        self.failures.extend(failed.into_iter().take(room).cloned());
        self.measure(records, window);
        Part {
            requests: records.len(),
            lost: describe(&lost),
        }
    }

    fn measure(&mut self, records: &[Record], window: Window) {
        let quick = |record: &&Record| record.kind.is_quick() && record.outcome.answered();
        let quick = records.iter().filter(quick);
        for Record { at, latency, .. } in quick {
            match *at < window.end && *at + *latency >= window.start {
                true => self.deploy.add(*latency),
                false => self.steady.add(*latency),
            }
        }
    }

    /// Returns the summary for the report.
    pub fn summary(&self) -> Summary {
        Summary {
            requests: self.requests,
            failed: self.kinds.total(),
            unprocessed: self.unprocessed,
            kinds: self.kinds,
            steady: self.steady.latency(),
            deploy: self.deploy.latency(),
        }
    }

    /// Returns the number of excused failures for each excuse.
    pub fn excused(&self) -> Vec<(&'static str, usize)> {
        let all = [(IN_FLIGHT, self.in_flight), (IDLE, self.idle)];
        all.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

/// Returns the reason why a failure does not count against the bundle; `None` if the failure counts.
fn excuse(record: &Record, with: &Circumstances) -> Option<&'static str> {
    let killed = with
        .killed
        .is_some_and(|killed| is_lost(record, killed, with));
    match killed {
        true => Some(IN_FLIGHT),
        false => is_closed_by_reload(record, with).then_some(IDLE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Kind, Outcome};
    use std::time::Duration;

    fn record(at: u64, kind: Kind, outcome: Outcome) -> Record {
        Record {
            at: Duration::from_millis(at),
            kind,
            latency: Duration::from_millis(10),
            outcome,
            run: None,
            certificate: None,
        }
    }

    fn with(nginx: &str, killed: Option<u64>) -> Circumstances {
        let at = |at| Window {
            start: Duration::from_millis(at),
            end: Duration::from_millis(at + 1),
        };
        Circumstances {
            nginx: nginx.into(),
            killed: killed.map(at),
            direct: false,
            retries: true,
            renews: false,
        }
    }

    const WINDOW: Window = Window {
        start: Duration::from_millis(100),
        end: Duration::from_millis(200),
    };

    #[test]
    fn what_a_kill_of_the_server_cuts_is_counted_and_excused_only_where_it_can_not_be_sent_again() {
        let mut tally = Tally::default();
        let records = [
            record(145, Kind::Upload, Outcome::Status(502)),
            record(145, Kind::New, Outcome::Ok),
        ];
        let part = tally.add(&records, WINDOW, &with("1.30.1", Some(150)));
        assert_eq!((part.requests, part.lost.as_str()), (2, ""));
        assert_eq!(tally.summary().failed, 1);
        assert_eq!(tally.excused(), [(IN_FLIGHT, 1)]);
        let new = [record(145, Kind::New, Outcome::Status(502))];
        let part = tally.add(&new, WINDOW, &with("1.30.1", Some(150)));
        assert!(part.lost.contains("Status(502)"), "{}", part.lost);
        assert_eq!(tally.failures.len(), 2);
    }

    #[test]
    fn only_an_old_nginx_may_close_idle_connections() {
        let closed = [record(150, Kind::KeepAlive, Outcome::Closed)];
        let mut tally = Tally::default();
        assert_eq!(tally.add(&closed, WINDOW, &with("1.22.1", None)).lost, "");
        assert_eq!(tally.excused(), [(IDLE, 1)]);
        assert_ne!(tally.add(&closed, WINDOW, &with("1.28.0", None)).lost, "");
        let direct = Circumstances {
            direct: true,
            ..with("1.22.1", None)
        };
        assert_ne!(tally.add(&closed, WINDOW, &direct).lost, "");
    }

    #[test]
    fn latencies_are_told_apart_by_the_deployments_window() {
        let mut tally = Tally::default();
        let records = [50, 95, 150, 250].map(|at| record(at, Kind::New, Outcome::Ok));
        tally.add(&records, WINDOW, &with("1.30.1", None));
        let counts = (tally.steady.count(), tally.deploy.count());
        assert_eq!(counts, (2, 2));
        assert!(
            tally
                .summary()
                .steady
                .is_some_and(|latency| latency.max_ms == 10.0)
        );
    }
}
