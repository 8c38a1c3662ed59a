//! The record of one request: the type that load, verdict and report share.

use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

/// One request, or one message of a long connection. Times are on the rehearsal's clock, whose zero
/// is the start of the scenario's load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// The intended start of the request, so that a stall of the load itself counts as latency.
    pub at: Duration,
    /// The kind of client that sent the request.
    pub kind: Kind,
    /// From `at` to the end of the answer, or to the failure.
    pub latency: Duration,
    /// The outcome of the request.
    pub outcome: Outcome,
    /// The run that answered (header `x-flipless-run`), if the server reports it.
    pub run: Option<String>,
}

/// A kind of client. No client retries a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A new connection for each request, at a fixed rate that does not depend on the answers (open loop).
    New,
    /// Connections that stay open and carry one request after another.
    KeepAlive,
    /// Requests that take seconds; some are always in flight.
    Slow,
    /// Uploads that send their body slowly; some are always in flight.
    Upload,
    /// Server-sent events; one record for the start of a stream, and one for its end.
    Events,
    /// A WebSocket whose messages the server echoes; one record per message, and one for the end.
    WebSocket,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A complete 2xx answer.
    Ok,
    /// The connection was refused (ECONNREFUSED).
    Refused,
    /// The connection was reset (ECONNRESET, EPIPE).
    Reset,
    /// The connection was closed before an answer began.
    Closed,
    /// No answer within the limit.
    Timeout,
    /// An answer other than 2xx.
    Status(u16),
    /// An answer that ended before it was complete.
    Truncated,
}

impl Record {
    /// Whether the request was in flight at some time in `window`.
    pub fn is_in_flight(&self, window: &Range<Duration>) -> bool {
        self.at < window.end && self.at + self.latency >= window.start
    }
}

impl Outcome {
    /// Whether the request failed for the client.
    pub fn failed(self) -> bool {
        self != Self::Ok
    }
}
