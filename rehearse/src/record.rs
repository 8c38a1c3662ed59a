//! The record of one request: the type that load, verdict and report share.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

/// One request, or one message of a long connection. Times are on the rehearsal's clock, whose zero is the start of the
/// scenario, before the instance boots.
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
    /// The certificate of the connection's handshake, if the server sent one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

/// The SHA-256 fingerprint of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Certificate(pub [u8; 32]);

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
    /// Like [`Self::New`], with TLS and a full handshake.
    Tls,
    /// Like [`Self::New`], with TLS and a resumed session.
    TlsResumed,
    /// Like [`Self::KeepAlive`], with TLS.
    TlsKeepAlive,
    /// Connections that stay open and carry one request after another, with TLS and HTTP/2.
    Http2,
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
    /// The connection was closed before the head of an answer was complete, or a WebSocket ended without a normal close
    /// frame.
    Closed,
    /// No answer within the limit.
    Timeout,
    /// An answer other than 2xx.
    Status(u16),
    /// An answer that ended before it was complete, or whose content is wrong.
    Truncated,
    /// A failed TLS handshake: it ended with an alert, with bytes that are not TLS, or without the HTTP/2 that the
    /// client asked for.
    Handshake,
    /// A request of HTTP/2 that the server has not begun: its stream is above the last stream of a GOAWAY, or was reset
    /// with REFUSED_STREAM (RFC 9113, 6.8 and 8.7). A client may send the request again. So the request is neither
    /// answered nor failed.
    Unprocessed,
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
        !matches!(self, Self::Ok | Self::Unprocessed)
    }

    /// Whether the client has a complete 2xx answer.
    pub fn answered(self) -> bool {
        self == Self::Ok
    }
}

impl Kind {
    /// Whether the server answers such a request at once. Other requests take long by design.
    pub fn is_quick(self) -> bool {
        match self {
            Self::New
            | Self::KeepAlive
            | Self::Tls
            | Self::TlsResumed
            | Self::TlsKeepAlive
            | Self::Http2 => true,
            Self::Slow | Self::Upload | Self::Events | Self::WebSocket => false,
        }
    }

    /// Whether such clients always speak TLS.
    pub fn is_tls(self) -> bool {
        matches!(
            self,
            Self::Tls | Self::TlsResumed | Self::TlsKeepAlive | Self::Http2
        )
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.iter();
        bytes.try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl Serialize for Certificate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
