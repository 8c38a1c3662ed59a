//! The phases of a server and the count of its open connections.
//!
//! hyper's graceful shutdown closes idle keep-alive connections at once. A request that the client has just sent on
//! such a connection is then lost. This drain keeps idle connections open. The next answer on each of them contains
//! `Connection: close` (RFC 9112, 9.6), so that the client opens a new connection in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use tokio::sync::watch;

/// The phase of a server. The phases follow in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The server accepts connections.
    Serving,
    /// The server accepts no connection, and finishes the open ones.
    Draining,
    /// The server drops the connections that are left.
    Over,
}

/// One server's phase and counts, shared by all its connections.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    phase: watch::Sender<Phase>,
    /// The same phase as a number. Each request reads this number, because reading the channel takes a lock.
    number: AtomicU8,
    /// A counter: each open connection has a receiver, and the sender counts the receivers.
    open: watch::Sender<()>,
    requests: AtomicU64,
}

impl Lifecycle {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            phase: watch::Sender::new(Phase::Serving),
            number: AtomicU8::new(Phase::Serving as u8),
            open: watch::Sender::new(()),
            requests: AtomicU64::new(0),
        })
    }

    pub(crate) fn enter(&self, phase: Phase) {
        // The number changes first, because the tasks that the channel wakes read the number.
        self.number.store(phase as u8, Ordering::Release);
        self.phase.send_replace(phase);
    }

    /// Returns whether the server is in this phase or a later one.
    pub(crate) fn is_in(&self, phase: Phase) -> bool {
        self.number.load(Ordering::Acquire) >= phase as u8
    }

    /// Waits until the server is in this phase or a later one.
    pub(crate) async fn reached(&self, phase: Phase) {
        // This can't fail, because `self` holds the sender.
        let _ = self.phase.subscribe().wait_for(|now| *now >= phase).await;
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

/// Drops the connections of a server whose future is dropped.
pub(crate) struct EndOnDrop(pub(crate) Arc<Lifecycle>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.enter(Phase::Over);
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
        self.0.is_in(Phase::Draining)
    }

    /// Waits until the server drains; returns at once if it already does.
    ///
    /// This method is cancel safe, so it can be used in `tokio::select!`.
    pub async fn started(&self) {
        self.0.reached(Phase::Draining).await;
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
        lifecycle.enter(Phase::Draining);
        assert!(draining.is_draining());
        assert!(poll_once(draining.started()).is_ready());
        assert!(poll_once(lifecycle.reached(Phase::Over)).is_pending());
    }

    #[test]
    fn a_dropped_server_drops_its_connections() {
        let lifecycle = Lifecycle::new();
        drop(EndOnDrop(lifecycle.clone()));
        assert!(lifecycle.is_in(Phase::Over));
    }
}
