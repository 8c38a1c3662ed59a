//! The server's phases, and who is still connected.
//!
//! hyper's graceful shutdown closes idle keep-alive connections at once, and a request that is just
//! under way on one is lost. So draining is done here: idle connections stay open, and the next
//! answer on each carries `Connection: close` (RFC 9112, 9.6), which tells the client in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// What the server is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Accepting.
    Serving,
    /// Finishing what has begun.
    Draining,
    /// Connections that are left are dropped.
    Over,
}

/// One server's phase and counts, shared by all its connections.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    phase: watch::Sender<Phase>,
    /// Carries no value: each open connection holds a receiver, and the sender counts them.
    open: watch::Sender<()>,
    requests: AtomicU64,
}

impl Lifecycle {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            phase: watch::Sender::new(Phase::Serving),
            open: watch::Sender::new(()),
            requests: AtomicU64::new(0),
        })
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    pub(crate) fn is_in(&self, phase: Phase) -> bool {
        *self.phase.borrow() >= phase
    }

    /// Waits for the phase, or a later one.
    pub(crate) async fn reached(&self, phase: Phase) {
        // Can't fail: `self` holds the sender.
        let _ = self.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    /// Counts a connection as open for as long as the guard lives.
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

/// Ends what is left of a server that is no longer awaited.
pub(crate) struct EndOnDrop(pub(crate) Arc<Lifecycle>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.enter(Phase::Over);
    }
}

/// Lives as long as its connection.
#[derive(Debug)]
pub(crate) struct OpenConnection(
    #[allow(dead_code, reason = "counted, not read")] watch::Receiver<()>,
);

/// Tells a handler that the server is to stop: an extension of every request.
///
/// Only handlers that go on for long need it: an event stream, a WebSocket. At the drain deadline
/// what is left of them is cut; one that knows can end politely before.
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
/// # let _ = axum::Router::<()>::new().route("/", axum::routing::get(long_poll));
/// ```
#[derive(Debug, Clone)]
pub struct Draining(pub(crate) Arc<Lifecycle>);

impl Draining {
    /// Whether the server is to stop: it no longer accepts, and this request's answer is the last
    /// on its connection.
    pub fn is_draining(&self) -> bool {
        self.0.is_in(Phase::Draining)
    }

    /// Waits until the server is to stop; returns at once if it already is.
    ///
    /// Cancel safe: may be used in `tokio::select!`.
    pub async fn started(&self) {
        self.0.reached(Phase::Draining).await;
    }
}

/// What the server is doing: an extension of every request.
///
/// ```
/// use axum::Extension;
/// use flipless::Activity;
///
/// async fn metrics(Extension(activity): Extension<Activity>) -> String {
///     format!("connections {}\nrequests {}\n", activity.connections(), activity.requests())
/// }
/// # let _ = axum::Router::<()>::new().route("/", axum::routing::get(metrics));
/// ```
#[derive(Debug, Clone)]
pub struct Activity(pub(crate) Arc<Lifecycle>);

impl Activity {
    /// Connections that are open now, idle and upgraded ones (WebSockets) included.
    pub fn connections(&self) -> usize {
        self.0.connections()
    }

    /// Requests answered since the server's start; the health check before it is not among them.
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
    fn a_drain_is_seen_by_those_who_come_late() {
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
    fn a_server_that_is_dropped_ends() {
        let lifecycle = Lifecycle::new();
        drop(EndOnDrop(lifecycle.clone()));
        assert!(lifecycle.is_in(Phase::Over));
    }
}
