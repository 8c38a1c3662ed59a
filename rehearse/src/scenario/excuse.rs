//! Which failures a client can't be spared.

use std::time::Duration;

use crate::clock::Window;
use crate::record::{Kind, Outcome, Record};

/// Why a request may be lost with a killed server.
pub(super) const IN_FLIGHT: &str = "a killed server loses the requests that it has begun to answer";
/// Why an idle connection may be closed.
pub(super) const IDLE: &str = "nginx before 1.27.4 closes idle connections in a reload";

/// The first nginx whose reload leaves idle connections open (`keepalive_min_timeout`).
const KEEPS_IDLE: [u32; 3] = [1, 27, 4];

/// What a killed server has sent may still be on its way through nginx: on a connection that carries one
/// message after the other, the end comes behind it. A busy machine takes its time.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// What excuses depend on.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// nginx's version.
    pub nginx: String,
    /// When a process was killed.
    pub killed: Option<Window>,
    /// Whether the server holds the clients' connections itself, the idle ones too.
    pub direct: bool,
    /// Whether the bundle has nginx send again what a server that died had begun.
    pub retries: bool,
}

/// It had to end with the killed server.
pub(super) fn is_lost(record: &Record, killed: Window, circumstances: &Circumstances) -> bool {
    let idle = circumstances.direct && record.at >= killed.start && is_idle_close(record);
    let sent_again = circumstances.retries && can_be_sent_again(record.kind);
    idle || was_in_flight(record, killed) && !sent_again
}

/// It was sent before the process was gone, and failed after the kill began. A long connection counts from its
/// last message.
pub(super) fn was_in_flight(record: &Record, killed: Window) -> bool {
    let late = match record.kind {
        Kind::Events | Kind::WebSocket => ON_ITS_WAY,
        _ => Duration::ZERO,
    };
    record.at <= killed.end + late && record.at + record.latency >= killed.start
}

/// A GET whose answer comes at once, or begins with its end. Of the others a part has reached the
/// client, or they are not idempotent (RFC 9110, 9.2.2).
fn can_be_sent_again(kind: Kind) -> bool {
    matches!(kind, Kind::New | Kind::KeepAlive | Kind::Slow)
}

pub(super) fn is_idle_close(record: &Record) -> bool {
    record.kind == Kind::KeepAlive && matches!(record.outcome, Outcome::Closed | Outcome::Reset)
}

pub(super) fn keeps_idle(nginx: &str) -> bool {
    let mut numbers = nginx.split('.').map(|part| part.parse().unwrap_or(0));
    let version = [(); 3].map(|()| numbers.next().unwrap_or(0));
    version >= KEEPS_IDLE
}

/// Failures by client and outcome, with the first and the last one's time.
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
