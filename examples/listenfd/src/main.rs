//! An axum application without the library: it takes the inherited listener, reports ready and drains by
//! itself.
//!
//! The library drains better. axum's graceful shutdown closes idle connections. It also closes accepted connections
//! whose request it has not read yet. Behind nginx this hardly matters, because nginx opens a connection for
//! each request and sends the request at once. In direct mode every deployment loses requests in this way.

use std::io::Result;

use axum::Router;
use axum::routing::get;
use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<()> {
    let app = Router::new()
        .route("/", get(|| async { "Hello from listenfd\n" }))
        .route("/health", get(|| async { "ok\n" }));
    // From here on, SIGTERM no longer ends the process; the server below waits for it.
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = listener()?;
    // Tests that a new version has to pass belong here, such as a connection to the database. After READY=1
    // the deployment continues.
    sd_notify::notify(&[NotifyState::Ready])?;
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await
}

/// Returns systemd's listener (sd_listen_fds(3)). Without systemd, as in `cargo run`, binds port 5000.
fn listener() -> Result<TcpListener> {
    let listener = match ListenFd::from_env().take_tcp_listener(0)? {
        Some(inherited) => inherited,
        None => std::net::TcpListener::bind("127.0.0.1:5000")?,
    };
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
