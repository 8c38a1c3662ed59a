//! Failures that no deployment can avoid. They do not fail a scenario.

use std::time::Duration;

use crate::clock::Window;
use crate::load::LONGEST_PAUSE;
use crate::record::{Kind, Outcome, Record};

/// The reason why a request may be lost with a killed server.
pub(super) const IN_FLIGHT: &str = "a killed server loses the requests that it has begun to answer";
/// The reason why nginx may close an idle connection.
pub(super) const IDLE: &str = "nginx before 1.27.4 closes idle connections in a reload";

/// The first nginx whose reload leaves idle connections open (`keepalive_min_timeout`).
const KEEPS_IDLE: [u32; 3] = [1, 27, 4];

/// The last data of a killed server may still be in nginx. On a connection that carries many messages, the
/// client sees the end only after this data. A busy machine adds a delay.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// The conditions on which the excuses depend.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// nginx's version.
    pub nginx: String,
    /// The time from the kill of a process to its end.
    pub killed: Option<Window>,
    /// Whether the server itself holds the clients' connections, including idle ones.
    pub direct: bool,
    /// Whether the bundle makes nginx repeat a request whose server died before the answer.
    pub retries: bool,
    /// Whether an authority issues the certificate. nginx may then load a new certificate at any moment.
    pub renews: bool,
}

/// Returns whether the request could not survive the kill of its server. A client finds a connection that was idle in
/// the kill closed at its next request, at most [`LONGEST_PAUSE`] later.
pub(super) fn is_lost(record: &Record, killed: Window, circumstances: &Circumstances) -> bool {
    let next = killed.start..=killed.end + LONGEST_PAUSE + ON_ITS_WAY;
    let idle = circumstances.direct && next.contains(&record.at) && is_idle_close(record);
    let sent_again = circumstances.retries && can_be_sent_again(record.kind);
    idle || was_in_flight(record, killed) && !sent_again
}

/// Returns whether a failed request was sent before the killed process had ended, and failed after the kill began. On a
/// connection with many messages, the record begins at the last message, which may arrive [`ON_ITS_WAY`] later.
pub(super) fn was_in_flight(record: &Record, killed: Window) -> bool {
    let late = match record.kind {
        Kind::Events | Kind::WebSocket => ON_ITS_WAY,
        _ => Duration::ZERO,
    };
    record.at <= killed.end + late && record.at + record.latency >= killed.start
}

/// Returns whether nginx can repeat the request. It can repeat quick and slow requests: they are GET requests, and the
/// server begins their answers only when the whole answer is ready. With any other kind, the client may already have a
/// part of the answer, or the request is not idempotent (RFC 9110, 9.2.2).
fn can_be_sent_again(kind: Kind) -> bool {
    kind.is_quick() || kind == Kind::Slow
}

fn is_idle_close(record: &Record) -> bool {
    matches!(record.kind, Kind::KeepAlive | Kind::TlsKeepAlive)
        && matches!(record.outcome, Outcome::Closed | Outcome::Reset)
}

/// Returns whether a reload of an old nginx has closed the idle connection of the request. In direct mode no nginx has
/// the connection.
pub(super) fn is_closed_by_reload(record: &Record, circumstances: &Circumstances) -> bool {
    !circumstances.direct && !keeps_idle(&circumstances.nginx) && is_idle_close(record)
}

fn keeps_idle(nginx: &str) -> bool {
    let mut numbers = nginx.split('.').map(|part| part.parse().unwrap_or(0));
    let version = [(); 3].map(|()| numbers.next().unwrap_or(0));
    version >= KEEPS_IDLE
}

/// Describes failures, grouped by client and outcome, each with the time of the first and the last one.
pub(super) fn describe(failed: &[&Record]) -> String {
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
            format!("{count} of kind {kind:?} ended as {outcome:?} ({first:.2} s to {last:.2} s)")
        };
    groups.into_iter().map(group).collect::<Vec<_>>().join("; ")
}
