//! Why there is no load, or no answer.

use std::io;
use std::time::Duration;

use crate::record::Outcome;

/// Why there is no load, or no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The container's network namespace cannot be opened.
    #[error("cannot open the network namespace {path}")]
    Namespace {
        /// The file of the namespace.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The thread of the load cannot begin.
    #[error("cannot start the load")]
    Start(#[source] io::Error),
    /// This machine cannot send as much: the measurement says nothing about the server.
    #[error("the load failed by itself, not by the server")]
    Own(#[source] io::Error),
    /// Too few records in time.
    #[error("only {have} of {wanted} requests ended within {limit:?}")]
    TooFew {
        /// How many there are.
        have: usize,
        /// How many were waited for.
        wanted: usize,
        /// How long.
        limit: Duration,
    },
    /// A hard limit of the plan ended the load before the scenario did.
    #[error("the load ended by itself: {0} was reached")]
    Limit(&'static str),
    /// Clients did not end although each has its deadline.
    #[error("the load's clients did not end in time, or one of them panicked")]
    Stuck,
    /// A single request got no whole answer.
    #[error("no whole answer for {path}: {outcome:?}")]
    NoAnswer {
        /// What was asked for.
        path: String,
        /// What happened instead.
        outcome: Outcome,
    },
}
