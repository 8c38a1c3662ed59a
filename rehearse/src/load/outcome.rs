//! From errors to outcomes.

use std::error::Error;
use std::io;

use super::sample::Outcome;

/// What a failed connection attempt, or a failed read or write, means.
pub(super) fn of_io(error: &io::Error) -> Outcome {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Outcome::Refused,
        io::ErrorKind::TimedOut => Outcome::Timeout,
        io::ErrorKind::UnexpectedEof => Outcome::Closed,
        // EPIPE: the answer to an earlier write was a reset.
        _ => Outcome::Reset,
    }
}

/// What an error before the answer's head means.
pub(super) fn of_request(error: &hyper::Error) -> Outcome {
    match source_of(error) {
        Some(error) => of_io(error),
        // An end of the connection, seen before the request was written or while it waited.
        None => Outcome::Closed,
    }
}

fn source_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        next = error.source();
    }
    None
}
