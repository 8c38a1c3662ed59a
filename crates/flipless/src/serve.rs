//! The library's face: one call, or the options and then one call.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tower_service::Service;

mod accept;
mod connection;
mod error;
mod listener;
mod options;
mod request;
mod run;
mod signals;

pub use error::ServeError;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Serves an axum `Router` or any tower service until SIGTERM or SIGINT, with the options of
/// [`Server::new`].
///
/// Returns when the drain is over. Any error comes before the first request is accepted.
///
/// # Errors
///
/// See [`ServeError`]; a failed health check is one.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), flipless::ServeError> {
/// flipless::serve(axum::Router::new().route("/health", axum::routing::get(|| async {}))).await
/// # }
/// ```
pub async fn serve<S, B>(service: S) -> Result<(), ServeError>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    Server::new().serve(service).await
}

/// A server's options.
///
/// An option set here overrides the environment's, which overrides the [default](crate::defaults). On the
/// instance the unit of the run sets the environment, from `flipless.toml`.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), flipless::ServeError> {
/// use std::time::Duration;
///
/// flipless::Server::new()
///     .health_path("/ready")
///     .drain(Duration::from_secs(30))
///     .serve(axum::Router::new().route("/ready", axum::routing::get(|| async {})))
///     .await
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a server does nothing until `serve` is called and awaited"]
pub struct Server {
    socket: Option<String>,
    bind: Option<SocketAddr>,
    health_path: Option<String>,
    start: Option<Duration>,
    drain: Option<Duration>,
    idle: Option<Duration>,
    health_log: Option<PathBuf>,
}

impl Server {
    /// A server with the options of the environment.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name of the inherited sockets to accept on: `FileDescriptorName=` of the socket unit.
    /// `app` unless set. Sockets that nobody has named are all accepted on.
    pub fn socket(mut self, name: impl Into<String>) -> Self {
        self.socket = Some(name.into());
        self
    }

    /// Where to listen if no socket is inherited: 127.0.0.1 and the port `PORT` of the
    /// environment unless set.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.bind = Some(address);
        self
    }

    /// The path that has to answer 200 to 299 before the server is ready.
    /// `FLIPLESS_HEALTH_PATH` unless set.
    pub fn health_path(mut self, path: impl Into<String>) -> Self {
        self.health_path = Some(path.into());
        self
    }

    /// How long the health check may take: `FLIPLESS_START_SECONDS` unless set.
    pub fn start(mut self, limit: Duration) -> Self {
        self.start = Some(limit);
        self
    }

    /// How long the requests and connections that are left at SIGTERM may take; then they are cut.
    /// `FLIPLESS_DRAIN_SECONDS` unless set. Keep it below the unit's `TimeoutStopSec=`, and where
    /// clients or a balancer connect directly, above their idle timeout.
    pub fn drain(mut self, limit: Duration) -> Self {
        self.drain = Some(limit);
        self
    }

    /// How long a connection may be idle, and a request's head may take to arrive: 75 s unless
    /// set, which is above the 60 s after which a balancer closes an idle connection.
    pub fn idle(mut self, limit: Duration) -> Self {
        self.idle = Some(limit);
        self
    }

    /// The directory of EB's enhanced health log, `/var/log/nginx/healthd`, for a server that has
    /// no nginx before it. `FLIPLESS_HEALTH_LOG` unless set; no log without either.
    pub fn health_log(mut self, directory: impl Into<PathBuf>) -> Self {
        self.health_log = Some(directory.into());
        self
    }

    /// Serves until SIGTERM or SIGINT, then drains: no connection is accepted, requests in flight
    /// are finished, the next answer on each connection closes it. A second SIGINT ends the drain.
    ///
    /// Every request carries the extensions [`Draining`](crate::Draining) and
    /// [`Activity`](crate::Activity).
    ///
    /// # Errors
    ///
    /// See [`ServeError`]. All come before the first request is accepted; readiness is not
    /// reported then.
    pub async fn serve<S, B>(self, service: S) -> Result<(), ServeError>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        run::run(self.resolve()?, service).await
    }
}
