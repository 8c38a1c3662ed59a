//! The library's public interface: [`serve`], and [`Server`] with its options.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
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

use crate::drain::Lifecycle;
use crate::statuses::Statuses;
use crate::{Activity, Draining};
use error::BoxError;
use options::Chosen;

/// Serves an axum `Router` or any tower service until SIGTERM or SIGINT, with the options of
/// [`Server::new`].
///
/// Returns when the drain is over. An error can only occur before the server accepts the first connection.
///
/// # Errors
///
/// See [`ServeError`]. A failed health check is an error, for example.
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
/// An option that is set here overrides the environment, which overrides the [default](crate::defaults). On
/// the instance, the unit of the run sets the environment as `flipless.toml` says.
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
#[derive(Debug)]
#[must_use = "a server does nothing until `serve` is called and awaited"]
pub struct Server {
    chosen: Chosen,
    lifecycle: Arc<Lifecycle>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            chosen: Chosen::default(),
            lifecycle: Lifecycle::new(),
        }
    }
}

impl Server {
    /// Returns a server with the options of the environment.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name of the inherited sockets to accept on: `FileDescriptorName=` of the socket unit. The default is
    /// `app`. If no inherited socket has a name, the server accepts on all of them.
    pub fn socket(mut self, name: impl Into<String>) -> Self {
        self.chosen.socket = Some(name.into());
        self
    }

    /// Sets the address to listen on if the server inherits no socket. The default is 127.0.0.1 and the port in the
    /// environment's `PORT`.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.chosen.bind = Some(address);
        self
    }

    /// Sets the path of the health check. The server is ready only after the service has answered the check with one of
    /// the [`health_statuses`](Self::health_statuses). The default is the value of `FLIPLESS_HEALTH_PATH` in the
    /// environment.
    pub fn health_path(mut self, path: impl Into<String>) -> Self {
        self.chosen.health_path = Some(path.into());
        self
    }

    /// Sets the statuses with which the service is healthy. The default is the value of `FLIPLESS_HEALTH_STATUSES` in
    /// the environment, or else 200 to 299.
    pub fn health_statuses(mut self, statuses: Statuses) -> Self {
        self.chosen.health_statuses = Some(statuses);
        self
    }

    /// Sets how long the health check may take. The default is the environment's `FLIPLESS_START_SECONDS`.
    pub fn start(mut self, limit: Duration) -> Self {
        self.chosen.start = Some(limit);
        self
    }

    /// Sets how long the open connections may take to finish after SIGTERM. After this time the server cuts them. The
    /// default is the environment's `FLIPLESS_DRAIN_SECONDS`. Keep the value below the unit's `TimeoutStopSec=`. If
    /// clients or a load balancer connect directly, keep the value above their idle timeout.
    pub fn drain(mut self, limit: Duration) -> Self {
        self.chosen.drain = Some(limit);
        self
    }

    /// Sets how long a connection may be idle, and how long a request's head may take to arrive. The default of 75 s is
    /// above the 60 s after which a load balancer closes an idle connection.
    pub fn idle(mut self, limit: Duration) -> Self {
        self.chosen.idle = Some(limit);
        self
    }

    /// Adapts the server to a service that passes the requests on to another server. A request may then have up to
    /// 1,024 header fields instead of 100. The names of fields keep their case if the service also passes on the
    /// [`Extensions`](http::Extensions) of requests and answers.
    pub fn proxy(mut self) -> Self {
        self.chosen.proxy = true;
        self
    }

    /// Sets the directory of EB's enhanced health log, `/var/log/nginx/healthd`, for a server without nginx in front of
    /// it. The default is the environment's `FLIPLESS_HEALTH_LOG`. If neither is set, there is no log.
    pub fn health_log(mut self, directory: impl Into<PathBuf>) -> Self {
        self.chosen.health_log = Some(directory.into());
        self
    }

    /// Returns a value that tells a handler when this server drains. Give it to the handlers that need it, for example
    /// as axum's `Extension` or in a router's state.
    pub fn draining(&self) -> Draining {
        Draining(self.lifecycle.clone())
    }

    /// Returns the counters of this server.
    pub fn activity(&self) -> Activity {
        Activity(self.lifecycle.clone())
    }

    /// Serves until SIGTERM or SIGINT, then drains. While it drains, the server accepts no connection and
    /// finishes the requests in flight. It closes each connection after the next answer on it. A second SIGINT
    /// ends the drain.
    ///
    /// # Errors
    ///
    /// See [`ServeError`]. An error can only occur before the server reports that it is ready.
    pub async fn serve<S, B>(self, service: S) -> Result<(), ServeError>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        run::run(self.chosen.resolve()?, service, self.lifecycle).await
    }
}
