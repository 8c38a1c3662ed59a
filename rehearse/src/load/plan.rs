//! The kinds and the amount of the load.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::manner::Manner;

/// The requests to send. Zero disables a kind. Only the demonstration server has `/slow`, `/upload`, `/stream` and
/// `/echo`, so for another server only `rate`, `keep_alive` and `path` make sense.
///
/// ```
/// use rehearse::load::Plan;
///
/// let gentle = Plan { rate: 20, ..Plan::only_path("/") };
/// assert_eq!(gentle.uploads, 0);
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server's address, as seen in the namespace of the load.
    pub address: SocketAddr,
    /// The path that new and kept connections request.
    pub path: String,
    /// New connections per second.
    pub rate: u32,
    /// Kept connections. Every fourth pauses for 1 to 3 s between its requests.
    pub keep_alive: usize,
    /// The pause between an answer and the next request on a kept connection.
    pub keep_alive_pause: Duration,
    /// How many requests of 1.5 s are in flight at the same time.
    pub slow: usize,
    /// Bodies of about 1 s in flight.
    pub uploads: usize,
    /// Event streams open.
    pub events: usize,
    /// WebSockets open.
    pub web_sockets: usize,
    /// How all clients speak.
    pub manner: Manner,
    /// How long a client waits for an answer, beyond what the request takes by design.
    pub timeout: Duration,
    /// The longest time of the whole load.
    pub longest: Duration,
    /// The most records.
    pub most: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 80)),
            path: "/health".into(),
            rate: 200,
            keep_alive: 8,
            keep_alive_pause: Duration::from_millis(50),
            slow: 4,
            uploads: 2,
            events: 2,
            web_sockets: 2,
            manner: Manner::default(),
            timeout: Duration::from_secs(10),
            longest: Duration::from_secs(600),
            most: 1_000_000,
        }
    }
}

impl Plan {
    /// A plan for any server: only the kinds that need no other endpoint than `path`.
    pub fn only_path(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            ..Self::none()
        }
        .with_path_kinds()
    }

    /// An empty plan, as a base for other plans.
    pub fn none() -> Self {
        Self {
            rate: 0,
            keep_alive: 0,
            slow: 0,
            uploads: 0,
            events: 0,
            web_sockets: 0,
            ..Self::default()
        }
    }

    fn with_path_kinds(self) -> Self {
        let Self {
            rate, keep_alive, ..
        } = Self::default();
        Self {
            rate,
            keep_alive,
            ..self
        }
    }
}
