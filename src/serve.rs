//! From the first system call to the exit: listen, check, report ready, accept, drain.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::task::JoinSet;

use crate::drain::{EndOnDrop, Lifecycle, Phase};
use crate::health_log::HealthLog;
use crate::{constants, layout, notice, readiness};

mod accept;
mod connection;
mod error;
mod listener;
mod request;
mod settings;
mod signals;

pub use error::ServeError;
use request::RequestService;
use signals::Signals;

/// How long an idle connection is kept, and how long a request's head may take: longer than the
/// balancer's idle timeout, 60 s unless changed, so that it is the balancer that closes. Otherwise
/// it sends into a closing connection, and answers 502:
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>
const IDLE: Duration = Duration::from_secs(75);

/// How long the last lines of the health log may take to be written.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Serves an axum `Router` or any tower service until SIGTERM or SIGINT, with the settings of
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
    S: tower_service::Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    Server::new().serve(service).await
}

/// A server's settings.
///
/// A setting made here goes before the environment's, which goes before `flipless.toml`'s.
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
    /// A server with the settings of the environment and of `flipless.toml`.
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

    /// How long the health check may take: `start_seconds` of `flipless.toml` unless set.
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
        S: tower_service::Service<Request<Incoming>, Response = Response<B>>
            + Clone
            + Send
            + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let settings = self.resolve()?;
        let mut signals = Signals::new().map_err(ServeError::Signals)?;
        let listeners = listener::listeners(&settings.socket, settings.bind).await?;

        // The check's own connection and request are not to be counted or logged.
        let probe = RequestService::new(service.clone(), Lifecycle::new(), None);
        tokio::select! {
            checked = readiness::check_health(probe, &settings.health_path, settings.start) => checked?,
            () = signals.stop() => return Ok(()),
        }

        let log = settings
            .health_log
            .map(HealthLog::start)
            .transpose()
            .map_err(ServeError::HealthLog)?;
        let lifecycle = Lifecycle::new();
        let _end = EndOnDrop(lifecycle.clone());
        let service = RequestService::new(service, lifecycle.clone(), log.clone());
        readiness::ready().map_err(ServeError::Notify)?;

        let mut watchdog = JoinSet::new();
        watchdog.spawn(readiness::ping_watchdog());
        let mut accepting = JoinSet::new();
        for listener in listeners {
            let (service, lifecycle) = (service.clone(), lifecycle.clone());
            accepting.spawn(listener.accept_all(service, lifecycle, settings.idle));
        }

        signals.stop().await;
        lifecycle.enter(Phase::Draining);
        readiness::stopping(lifecycle.connections());
        // After this, every accepted connection is counted.
        while accepting.join_next().await.is_some() {}
        drain(&lifecycle, settings.drain, &mut signals).await;
        lifecycle.enter(Phase::Over);
        if let Some(log) = log {
            let _ = tokio::time::timeout(LAST_LINES, log.flush()).await;
        }
        Ok(())
    }
}

/// Waits for the connections that are left, at most until the limit.
async fn drain(lifecycle: &Arc<Lifecycle>, limit: Duration, signals: &mut Signals) {
    tokio::select! {
        () = lifecycle.all_closed() => return,
        () = tokio::time::sleep(limit) => {}
        () = signals.interrupt() => {}
        () = report(lifecycle) => {}
    }
    let left = lifecycle.connections();
    notice::say(format_args!("drain ended, {left} connections cut"));
}

/// Keeps `systemctl status` up to date.
async fn report(lifecycle: &Lifecycle) {
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    loop {
        interval.tick().await;
        readiness::stopping(lifecycle.connections());
    }
}
