//! Errors of the load.

use std::io;
use std::time::Duration;

use crate::record::Outcome;

/// An error of the load.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The container's network namespace cannot be opened.
    #[error("cannot open the network namespace {path}")]
    Namespace {
        /// The path of the namespace in `/proc`.
        path: String,
        /// The reason.
        source: io::Error,
    },
    /// The thread of the load cannot start.
    #[error("cannot start the load")]
    Start(#[source] io::Error),
    /// This machine itself failed, for example because it had no free port. So the records say nothing about the
    /// server.
    #[error("the load failed because of this machine, not because of the server")]
    Own(#[source] io::Error),
    /// Too few requests ended in time.
    #[error("only {have} of {wanted} requests ended within {limit:?}")]
    TooFew {
        /// The number of ended requests.
        have: usize,
        /// The expected number.
        wanted: usize,
        /// The time limit.
        limit: Duration,
    },
    /// A hard limit of the plan ended the load before the scenario did.
    #[error("the load ended before the scenario, because it reached {0}")]
    Limit(&'static str),
    /// The load has ended by itself.
    #[error("the load has ended early")]
    Ended,
    /// A client did not end, although each client has a deadline; or a client or the load's thread panicked.
    #[error("the load's clients did not end in time, or one of them panicked")]
    Stuck,
    /// A single request got no complete answer.
    #[error("no complete answer for {path}: {outcome:?}")]
    NoAnswer {
        /// The path of the request.
        path: String,
        /// The outcome.
        outcome: Outcome,
    },
}
