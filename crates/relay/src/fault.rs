//! Why a request got no answer from the server.

use std::fmt;
use std::io;

/// Why the server gave no answer.
#[derive(Debug)]
pub enum Fault {
    /// The server accepts no connection.
    Connect(io::Error),
    /// The connection ended before the answer.
    NoAnswer(String),
    /// The server sent something that is no answer to this request.
    BadAnswer(String),
}

impl Fault {
    pub fn of(error: &hyper::Error) -> Self {
        if error.is_parse() {
            return Self::BadAnswer(error.to_string());
        }
        Self::NoAnswer(error.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(formatter, "the server accepts no connection: {error}"),
            Self::NoAnswer(error) => write!(formatter, "the server gave no answer: {error}"),
            Self::BadAnswer(error) => {
                write!(formatter, "the server's answer is not valid: {error}")
            }
        }
    }
}

impl std::error::Error for Fault {}
