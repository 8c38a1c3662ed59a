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
    /// The `Host` of every request.
    pub host: String,
    /// The path that new and kept connections request.
    pub path: String,
    /// New connections per second.
    pub rate: u32,
    /// How many connections are kept. Every fourth one pauses for 1 to 3 s between its requests.
    pub keep_alive: usize,
    /// The pause between an answer and the next request on a kept connection.
    pub keep_alive_pause: Duration,
    /// How many requests of 1.5 s are in flight at the same time.
    pub slow: usize,
    /// How many uploads, which take about 1 s, are in flight at the same time.
    pub uploads: usize,
    /// How many event streams are open at the same time.
    pub events: usize,
    /// How many WebSockets are open at the same time.
    pub web_sockets: usize,
    /// Clients of HTTPS, beside the others.
    pub tls: Option<Tls>,
    /// The headers of all clients, and the status that they expect.
    pub manner: Manner,
    /// How long a client waits for an answer, beyond what the request takes by design.
    pub timeout: Duration,
    /// The load ends with an error if it runs for longer than this.
    pub longest: Duration,
    /// The load ends with an error when it has this many records.
    pub most: usize,
}

/// Clients of HTTPS. They request the plan's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The server's address, as seen in the namespace of the load.
    pub address: SocketAddr,
    /// The name of the server in every handshake.
    pub name: String,
    /// New connections per second, each with a full handshake.
    pub rate: u32,
    /// New connections per second, each with a resumed session.
    pub resumed: u32,
    /// Kept connections.
    pub keep_alive: usize,
    /// Kept connections with HTTP/2.
    pub http2: usize,
    /// Whether slow requests, uploads, event streams and WebSockets use TLS instead of the public port.
    pub long: bool,
}

impl Tls {
    /// Clients of all kinds.
    pub fn new(address: SocketAddr, name: impl Into<String>) -> Self {
        Self {
            rate: 30,
            resumed: 30,
            keep_alive: 8,
            http2: 8,
            long: true,
            ..Self::none(address, name)
        }
    }

    /// No clients, as a base for other plans.
    pub fn none(address: SocketAddr, name: impl Into<String>) -> Self {
        Self {
            address,
            name: name.into(),
            rate: 0,
            resumed: 0,
            keep_alive: 0,
            http2: 0,
            long: false,
        }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 80)),
            host: "localhost".into(),
            path: "/health".into(),
            rate: 200,
            keep_alive: 8,
            keep_alive_pause: Duration::from_millis(50),
            slow: 4,
            uploads: 2,
            events: 2,
            web_sockets: 2,
            tls: None,
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
