//! The failed requests of a scenario, and which of them the scenario tolerates.

use std::time::Duration;

use crate::clock::Window;
use crate::record::{Kind, Outcome, Record};
use crate::scenario::check::Check;
use crate::scenario::expectation::Tolerance;

/// The first version of nginx that keeps idle connections open in a reload (`keepalive_min_timeout`).
const KEEPS_IDLE: [u32; 3] = [1, 27, 4];

/// The facts that decide whether a failure is tolerated.
#[derive(Debug, Default)]
pub struct Circumstances {
    /// nginx's version.
    pub nginx: String,
    /// When the scenario killed a process.
    pub killed: Option<Window>,
    /// Whether the clients connect to the server directly. Then their idle connections end with the server.
    pub direct: bool,
    /// Whether the bundle makes nginx repeat a request that failed because the server died.
    pub retries: bool,
}

/// Checks that there were enough requests, and that none failed except for tolerated failures.
pub(super) fn of(
    tolerance: Tolerance,
    records: &[Record],
    circumstances: &Circumstances,
) -> Vec<Check> {
    let failed: Vec<&Record> = records
        .iter()
        .filter(|record| record.outcome.failed())
        .collect();
    let said = format!("{} of {} requests failed", failed.len(), records.len());
    let groups = describe(&failed);
    let note = |text: &str| Check::note(text, format!("{said}: {groups}"));
    let load = Check::new(
        "too few requests for a verdict",
        records.len() > 100,
        format!("{}", records.len()),
    );
    let tolerated = is_tolerated(tolerance, &failed, circumstances);
    let failures = match (failed.is_empty(), tolerance) {
        (true, _) => Check::new(said, true, groups),
        (false, Tolerance::Measured) => {
            note("this scenario counts failures and does not judge them")
        }
        (false, Tolerance::InFlight) if tolerated => {
            note("a killed server loses the requests that it has begun to answer")
        }
        (false, _) if tolerated => note("nginx before 1.27.4 closes idle connections in a reload"),
        (false, _) => Check::new(said, false, groups),
    };
    vec![load, failures]
}

/// Whether the scenario tolerates all of these failures.
fn is_tolerated(tolerance: Tolerance, failed: &[&Record], circumstances: &Circumstances) -> bool {
    match tolerance {
        Tolerance::Nothing => false,
        Tolerance::IdleKeepAlives | Tolerance::Waiting => {
            !keeps_idle(&circumstances.nginx) && failed.iter().all(|record| is_idle_close(record))
        }
        Tolerance::InFlight => circumstances.killed.is_some_and(|killed| {
            let excused = |record: &&Record| is_lost(record, killed, circumstances);
            failed.iter().all(excused)
        }),
        Tolerance::Measured => true,
    }
}

/// Whether the request had to fail because the server was killed.
fn is_lost(record: &Record, killed: Window, circumstances: &Circumstances) -> bool {
    let idle = circumstances.direct && record.at >= killed.start && is_idle_close(record);
    let sent_again = circumstances.retries && can_be_sent_again(record.kind);
    idle || was_in_flight(record, killed) && !sent_again
}

/// Whether the request was sent before the process ended, and failed after the kill began.
fn was_in_flight(record: &Record, killed: Window) -> bool {
    record.at <= killed.end && record.at + record.latency >= killed.start
}

/// Whether nginx can repeat such a request: a GET whose answer has not begun when the server dies. The
/// other requests are not idempotent (RFC 9110, 9.2.2), or their answer has begun.
fn can_be_sent_again(kind: Kind) -> bool {
    matches!(kind, Kind::New | Kind::KeepAlive | Kind::Slow)
}

fn is_idle_close(record: &Record) -> bool {
    record.kind == Kind::KeepAlive && matches!(record.outcome, Outcome::Closed | Outcome::Reset)
}

fn keeps_idle(nginx: &str) -> bool {
    let mut numbers = nginx.split('.').map(|part| part.parse().unwrap_or(0));
    let version = [(); 3].map(|()| numbers.next().unwrap_or(0));
    version >= KEEPS_IDLE
}

/// Failures by client and outcome, with the time of the first failure and of the last.
fn describe(failed: &[&Record]) -> String {
    let mut groups = std::collections::BTreeMap::new();
    for record in failed {
        let (first, last, count) = groups
            .entry((record.kind, record.outcome))
            .or_insert((record.at, record.at, 0));
        (*first, *last, *count) = ((*first).min(record.at), (*last).max(record.at), *count + 1);
    }
    let group =
        |((kind, outcome), (first, last, count)): ((Kind, Outcome), (Duration, Duration, i32))| {
            let (first, last) = (first.as_secs_f64(), last.as_secs_f64());
            let (clients, outcome) = (name(kind, count), end(outcome));
            match count {
                1 => format!("1 {clients} {outcome} (at {first:.2} s)"),
                _ => format!("{count} {clients} {outcome} ({first:.2} s to {last:.2} s)"),
            }
        };
    groups.into_iter().map(group).collect::<Vec<_>>().join(", ")
}

/// A kind of client as a noun, for so many of them.
fn name(kind: Kind, count: i32) -> String {
    let one = match kind {
        Kind::New => "new connection",
        Kind::KeepAlive => "kept connection",
        Kind::Slow => "slow request",
        Kind::Upload => "upload",
        Kind::Events => "event stream",
        Kind::WebSocket => "WebSocket",
    };
    format!("{one}{}", if count == 1 { "" } else { "s" })
}

/// An outcome as a participle: "refused".
fn end(outcome: Outcome) -> String {
    match outcome {
        Outcome::Ok => "answered".into(),
        Outcome::Refused => "refused".into(),
        Outcome::Reset => "reset".into(),
        Outcome::Closed => "closed without an answer".into(),
        Outcome::Timeout => "timed out".into(),
        Outcome::Status(status) => format!("answered with status {status}"),
        Outcome::Truncated => "cut off".into(),
    }
}

#[cfg(test)]
mod tests;
