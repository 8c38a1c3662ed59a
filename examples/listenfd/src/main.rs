//! An axum application that does by itself what a server has to do: it takes the inherited listener
//! over, reports ready, and ends politely.
//!
//! It does that a little less well than the library. axum's graceful shutdown closes a connection that
//! was accepted and whose request has not been read yet, and idle connections: behind nginx, which
//! opens a connection for each request and sends it at once, that is a matter of microseconds; in
//! direct mode it loses requests in every deployment.

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
    // Whoever is told to end before it is ready ends at once.
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = listener()?;
    // Here belongs what has to work before a version takes part: a connection to the database, say.
    // After READY=1 the deployment goes on.
    sd_notify::notify(&[NotifyState::Ready])?;
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await
}

/// systemd's listener (sd_listen_fds(3)), else one of our own, for `cargo run`.
fn listener() -> Result<TcpListener> {
    let listener = match ListenFd::from_env().take_tcp_listener(0)? {
        Some(inherited) => inherited,
        None => std::net::TcpListener::bind("127.0.0.1:5000")?,
    };
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
