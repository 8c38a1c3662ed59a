//! What the load saw: the one type that load, verdict and report share.

use std::time::Duration;

use serde::Serialize;

/// One request, or one message of a long connection. Times are on the rehearsal's clock, whose zero
/// is the start of the scenario's load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// When it was meant to start: a stall of the load itself is not hidden.
    pub at: Duration,
    /// What kind of client sent it.
    pub kind: Kind,
    /// From `at` to the end of the answer, or to the failure.
    pub latency: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The run that answered (`x-flipless-run`), when the server says so.
    pub run: Option<String>,
}

/// A kind of client. None ever retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A new connection for each request, at a fixed rate whatever the answers do (open loop).
    New,
    /// Connections that stay open and carry one request after the other.
    KeepAlive,
    /// Requests that take seconds, always some in flight.
    Slow,
    /// Bodies sent slowly, always some in flight.
    Upload,
    /// Server-sent events; a record for the stream's beginning, and one for its end.
    Events,
    /// A WebSocket whose messages come back; a record a message, and one for the end.
    WebSocket,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A 2xx answer, whole.
    Ok,
    /// Nobody listened (ECONNREFUSED).
    Refused,
    /// The connection was reset (ECONNRESET, EPIPE).
    Reset,
    /// The connection was closed before an answer began.
    Closed,
    /// No answer within the limit.
    Timeout,
    /// An answer other than 2xx.
    Status(u16),
    /// An answer that ended before it was whole.
    Truncated,
}

impl Outcome {
    /// Whether a client would call it a failure.
    pub fn failed(self) -> bool {
        self != Self::Ok
    }
}
