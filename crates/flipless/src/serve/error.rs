//! The errors of a server.

use std::io;
use std::net::SocketAddr;

use crate::{ActivationError, HealthError};

/// Any error of a service or of its answer's body.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a server could not serve.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use flipless::{HealthError, ServeError, Server};
///
/// // The router has no route for the health path.
/// let result = Server::new().bind(([127, 0, 0, 1], 0).into()).serve(axum::Router::new()).await;
/// assert!(matches!(result, Err(ServeError::Health(HealthError::Status { .. }))));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A variable of the environment has a wrong value.
    #[error("{name}={value:?} is not allowed: expected {allowed}")]
    Setting {
        /// The variable.
        name: &'static str,
        /// The variable's value.
        value: String,
        /// The allowed values.
        allowed: &'static str,
    },
    /// The server can't use the inherited sockets.
    #[error("can't use the inherited sockets")]
    Activation(#[from] ActivationError),
    /// The server can't listen on the address.
    #[error("can't listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why the server can't listen there.
        source: io::Error,
    },
    /// The runtime refused an inherited socket.
    #[error("can't accept on an inherited socket")]
    Listener(#[source] io::Error),
    /// The server can't install its handlers of SIGTERM and SIGINT.
    #[error("can't handle signals")]
    Signals(#[source] io::Error),
    /// The health check failed.
    #[error("not ready")]
    Health(#[from] HealthError),
    /// The health log could not start.
    #[error("can't start the health log")]
    HealthLog(#[source] io::Error),
    /// The server could not tell systemd that it is ready.
    #[error("can't report readiness to NOTIFY_SOCKET")]
    Notify(#[source] io::Error),
}
