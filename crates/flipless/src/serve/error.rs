//! Why a server does not serve.

use std::io;
use std::net::SocketAddr;

use crate::{ActivationError, HealthError};

/// Why a server does not serve.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use flipless::{HealthError, ServeError, Server};
///
/// // Nothing answers at the health path.
/// let result = Server::new().bind(([127, 0, 0, 1], 0).into()).serve(axum::Router::new()).await;
/// assert!(matches!(result, Err(ServeError::Health(HealthError::Status { .. }))));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A variable of the environment has a wrong value.
    #[error("{name}={value:?} is not allowed: {allowed}")]
    Setting {
        /// The variable.
        name: &'static str,
        /// What it is set to.
        value: String,
        /// What it may be set to.
        allowed: &'static str,
    },
    /// The inherited sockets can't be used.
    #[error("can't use the inherited sockets")]
    Activation(#[from] ActivationError),
    /// The address can't be listened on.
    #[error("can't listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What is wrong with it.
        source: io::Error,
    },
    /// An inherited socket can't be handed to the runtime.
    #[error("can't accept on an inherited socket")]
    Listener(#[source] io::Error),
    /// SIGTERM and SIGINT can't be waited for.
    #[error("can't wait for signals")]
    Signals(#[source] io::Error),
    /// The service is not healthy.
    #[error("not ready")]
    Health(#[from] HealthError),
    /// The health log can't be started.
    #[error("can't start the health log")]
    HealthLog(#[source] io::Error),
    /// systemd could not be told that the server is ready.
    #[error("can't report readiness to NOTIFY_SOCKET")]
    Notify(#[source] io::Error),
}
