//! What is recorded of each request.

use std::time::Duration;

use serde::Serialize;

/// One request as its client saw it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// When it was meant to start, on the run's clock.
    pub at: Duration,
    /// Which kind of client sent it.
    pub kind: Kind,
    /// From `at` to the end of the answer, or to the failure: a stall is not hidden.
    pub latency: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The run that answered (`x-flipless-run`), if the server says so.
    pub run: Option<String>,
}

/// A kind of client; none retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A new connection for each request, at a fixed rate.
    New,
    /// Many requests over one connection, as long as the server lets it.
    KeepAlive,
    /// A request whose answer takes its time.
    Slow,
    /// A body that is sent bit by bit.
    Upload,
    /// Server-sent events.
    Stream,
    /// A WebSocket conversation.
    WebSocket,
}

impl Kind {
    /// Whether its latency says how fast the service is: the others take long by design.
    pub fn is_quick(self) -> bool {
        matches!(self, Self::New | Self::KeepAlive)
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A complete answer with a status of 200 to 299.
    Ok,
    /// Nobody listened.
    Refused,
    /// The connection was reset.
    Reset,
    /// The connection was closed before an answer began.
    Closed,
    /// No complete answer in time.
    Timeout,
    /// A complete answer with another status.
    Status(u16),
    /// The answer broke off, or was not what had to come.
    Truncated,
}

impl Outcome {
    /// Whether the client got what it asked for.
    pub fn is_ok(self) -> bool {
        self == Self::Ok
    }
}
