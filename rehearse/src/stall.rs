//! Finds stalls: times in which no request is answered. A deployment must not have one.
//!
//! Tests compare the waits in the deployment with the waits in steady state of the same run, so a busy machine affects
//! both.

use std::ops::Range;
use std::time::Duration;

use crate::record::Record;

/// The effects of a deployment may show up to this long after its end.
pub const SETTLE: Duration = Duration::from_secs(1);
/// How many of the longest waits do not count. A stall makes every client wait, but a busy machine may delay only one.
const FEW: usize = 2;

/// How long requests waited in steady state and in a deployment, except the [`FEW`] longest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Waits {
    /// In steady state, in milliseconds.
    pub steady_ms: f64,
    /// In the deployment, in milliseconds.
    pub deploy_ms: f64,
}

impl Waits {
    /// Returns the waits, or `None` if there were not enough requests in steady state or in the deployment.
    pub fn of(records: &[Record], deploy: &Range<Duration>) -> Option<Self> {
        let window = deploy.start..deploy.end + SETTLE;
        let (deploy, steady): (Vec<&Record>, Vec<&Record>) = records
            .iter()
            .filter(|record| record.kind.is_quick() && record.outcome.answered())
            .partition(|record| record.is_in_flight(&window));
        Some(Self {
            steady_ms: wait(&steady)?,
            deploy_ms: wait(&deploy)?,
        })
    }

    /// Returns how much longer requests waited in the deployment.
    pub fn excess_ms(&self) -> f64 {
        self.deploy_ms - self.steady_ms
    }
}

fn wait(records: &[&Record]) -> Option<f64> {
    let mut waits: Vec<Duration> = records.iter().map(|record| record.latency).collect();
    waits.sort_unstable_by(|a, b| b.cmp(a));
    waits.get(FEW).map(|wait| wait.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::{Kind, Outcome};

    const DEPLOY: Range<Duration> = Duration::from_secs(5)..Duration::from_secs(8);

    fn record(at: u64, kind: Kind, latency: u64) -> Record {
        Record {
            at: Duration::from_millis(at),
            kind,
            latency: Duration::from_millis(latency),
            outcome: Outcome::Ok,
            run: None,
            certificate: None,
        }
    }

    /// The load of a rehearsal for 10 s: 200 new connections per second, and 8 kept connections. A request takes 3 ms,
    /// and `noise` more. Requests that arrive in a stall wait until its end.
    fn records(stall: Range<u64>, only: Option<Kind>, noise: impl Fn(u64) -> u64) -> Vec<Record> {
        let clients = (0..8).map(|client| (Kind::KeepAlive, 50, client * 6));
        let clients = std::iter::once((Kind::New, 5, 0)).chain(clients);
        let arrivals = clients.flat_map(|(kind, pause, first)| {
            let times = (first..10_000).step_by(pause);
            times.map(move |at| (at as u64, kind))
        });
        let records = arrivals.map(|(at, kind)| {
            let stalls = stall.contains(&at) && only.is_none_or(|only| only == kind);
            let waits = if stalls { stall.end - at } else { 0 };
            record(at, kind, 3 + waits + noise(at))
        });
        records.collect()
    }

    fn excess(records: &[Record]) -> f64 {
        Waits::of(records, &DEPLOY).unwrap().excess_ms()
    }

    #[test]
    fn a_stall_of_150_ms_anywhere_in_a_deployment_is_seen() {
        for start in [5_000, 6_200, 7_990, 8_700] {
            for only in [None, Some(Kind::New), Some(Kind::KeepAlive)] {
                let found = excess(&records(start..start + 150, only, |_| 0));
                assert!(
                    (100.0..=150.0).contains(&found),
                    "{start}, {only:?}: {found}"
                );
            }
        }
    }

    #[test]
    fn neither_a_busy_machine_nor_a_delayed_request_is_a_stall() {
        // Requests wait for up to 90 ms, now and then.
        let busy = |at: u64| 90_u64.saturating_sub(at % 1_000);
        assert_eq!(excess(&records(0..0, None, busy)).abs().round(), 0.0);
        let found = excess(&records(6_000..6_150, None, busy));
        assert!(found > 50.0, "{found}");
        let one = |at: u64| if at == 6_001 { 400 } else { 0 };
        assert_eq!(excess(&records(0..0, None, one)), 0.0);
        // A stall outside the deployment.
        assert!(excess(&records(2_000..2_150, None, |_| 0)) < 0.0);
    }

    #[test]
    fn without_requests_nothing_is_judged() {
        assert_eq!(Waits::of(&[], &DEPLOY), None);
        let steady = records(0..0, None, |_| 0);
        let early = |record: &Record| record.at < Duration::from_secs(4);
        let steady: Vec<Record> = steady.into_iter().filter(early).collect();
        assert_eq!(Waits::of(&steady, &DEPLOY), None);
    }
}
