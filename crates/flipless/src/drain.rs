//! The drain of a server, and the count of its open connections.
//!
//! hyper's graceful shutdown closes idle keep-alive connections at once. A request that the client has just sent on
//! such a connection is then lost. This drain keeps idle connections open. The next answer on each of them contains
//! `Connection: close` (RFC 9112, 9.6), so that the client opens a new connection in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

/// Whether one server drains, and its counts, shared by all its connections.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    draining: watch::Sender<bool>,
    /// The same value. Each request reads this one, because reading the channel takes a lock.
    is_draining: AtomicBool,
    /// A counter: each open connection has a receiver, and the sender counts the receivers.
    open: watch::Sender<()>,
    requests: AtomicU64,
}

impl Lifecycle {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            draining: watch::Sender::new(false),
            is_draining: AtomicBool::new(false),
            open: watch::Sender::new(()),
            requests: AtomicU64::new(0),
        })
    }

    pub(crate) fn begin_drain(&self) {
        // The flag changes first, because the tasks that the channel wakes read the flag.
        self.is_draining.store(true, Ordering::Release);
        self.draining.send_replace(true);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }

    /// Waits until the server drains.
    pub(crate) async fn drain_began(&self) {
        // This can't fail, because `self` holds the sender.
        let _ = self.draining.subscribe().wait_for(|began| *began).await;
    }

    /// Counts a connection as open for as long as the returned guard lives.
    pub(crate) fn connected(&self) -> OpenConnection {
        OpenConnection(self.open.subscribe())
    }

    pub(crate) fn connections(&self) -> usize {
        self.open.receiver_count()
    }

    /// Waits until no connection is open.
    pub(crate) async fn all_closed(&self) {
        self.open.closed().await;
    }

    pub(crate) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts as one open connection while it lives.
#[derive(Debug)]
pub(crate) struct OpenConnection(
    #[allow(dead_code, reason = "counted, not read")] watch::Receiver<()>,
);

/// Tells a handler that the server drains. [`Server::draining`](crate::Server::draining) returns this value.
///
/// Only long-running handlers need it, such as an event stream or a WebSocket. The server cuts their connections
/// at the drain's deadline. With this value, a handler can complete its answer before the deadline.
///
/// ```
/// use axum::Extension;
/// use flipless::Draining;
///
/// async fn long_poll(Extension(draining): Extension<Draining>) -> &'static str {
///     tokio::select! {
///         () = draining.started() => "nothing new, ask again",
///         () = tokio::time::sleep(std::time::Duration::from_secs(30)) => "news",
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), flipless::ServeError> {
/// # if true { return Ok(()) }
/// let server = flipless::Server::new();
/// let app = axum::Router::new()
///     .route("/", axum::routing::get(long_poll))
///     .layer(Extension(server.draining()));
/// server.serve(app).await
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Draining(pub(crate) Arc<Lifecycle>);

impl Draining {
    /// Returns whether the server drains. The server then accepts no connection, and this request's answer is the
    /// last one on its connection.
    pub fn is_draining(&self) -> bool {
        self.0.is_draining()
    }

    /// Waits until the server drains; returns at once if it already does.
    ///
    /// This method is cancel safe, so it can be used in `tokio::select!`.
    pub async fn started(&self) {
        self.0.drain_began().await;
    }
}

/// The server's counters. [`Server::activity`](crate::Server::activity) returns this value.
///
/// ```
/// use axum::Extension;
/// use flipless::Activity;
///
/// async fn metrics(Extension(activity): Extension<Activity>) -> String {
///     format!("connections {}\nrequests {}\n", activity.connections(), activity.requests())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), flipless::ServeError> {
/// # if true { return Ok(()) }
/// let server = flipless::Server::new();
/// let app = axum::Router::new()
///     .route("/metrics", axum::routing::get(metrics))
///     .layer(Extension(server.activity()));
/// server.serve(app).await
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Activity(pub(crate) Arc<Lifecycle>);

impl Activity {
    /// Returns the number of open connections, including idle and upgraded ones (WebSockets).
    pub fn connections(&self) -> usize {
        self.0.connections()
    }

    /// Returns the number of requests that the server has answered since its start, without the initial health check.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn poll_once(future: impl Future<Output = ()>) -> Poll<()> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn connections_are_counted_until_they_are_dropped() {
        let lifecycle = Lifecycle::new();
        let (first, second) = (lifecycle.connected(), lifecycle.connected());
        assert_eq!(Activity(lifecycle.clone()).connections(), 2);
        drop(first);
        assert!(poll_once(lifecycle.all_closed()).is_pending());
        drop(second);
        assert!(poll_once(lifecycle.all_closed()).is_ready());
        assert_eq!(lifecycle.connections(), 0);
    }

    #[test]
    fn a_drain_is_seen_by_a_handler_that_asks_later() {
        let lifecycle = Lifecycle::new();
        let draining = Draining(lifecycle.clone());
        assert!(!draining.is_draining());
        assert!(poll_once(draining.started()).is_pending());
        lifecycle.begin_drain();
        assert!(draining.is_draining());
        assert!(poll_once(draining.started()).is_ready());
    }
}
