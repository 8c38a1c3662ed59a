//! The library with services that the demonstration server does not have.
//!
//! The only test here sends SIGTERM to its own process, so that no other test can run beside it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use flipless::{ServeError, Server};
use flipless_testing::client::{Answer, Client};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// An address that no other process uses: all of 127.0.0.0/8 is loopback.
fn own_address() -> SocketAddr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    ([127, high, middle, low.max(2)], 18_080).into()
}

fn terminate_this_process() {
    let pid = std::process::id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", "TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
}

/// Whether the server closes a connection on which the client sends only this.
fn is_idle_closed(sent: &str) -> bool {
    let mut client = Client::connect(own_address());
    client.send(sent).unwrap();
    client.is_closed()
}

/// Two requests: the handler of the first panics.
fn panic_then_fine() -> (io::Result<Answer>, Answer) {
    let get = |path| Client::connect(own_address()).try_get(path);
    (get("/panic"), get("/").unwrap())
}

async fn panicking() -> &'static str {
    panic!("on purpose")
}

/// Starts a server whose health check sends a message when it runs.
fn start(health: bool) -> (JoinHandle<Result<(), ServeError>>, mpsc::Receiver<()>) {
    let (asked, was_asked) = mpsc::channel(1);
    let check = async move || {
        asked.send(()).await.unwrap();
        if !health {
            std::future::pending::<()>().await;
        }
    };
    let app = Router::new()
        .route("/up", get(check))
        .route("/panic", get(panicking))
        .route("/", get(async || "fine"));
    let server = Server::new()
        .bind(own_address())
        .health_path("/up")
        .idle(Duration::from_millis(500))
        .drain(Duration::from_secs(20));
    (tokio::spawn(server.serve(app)), was_asked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_outlives_panics_and_idlers_and_stops_at_any_time() {
    // SIGTERM before the server is ready: its handler is in place when the health check runs.
    let (server, mut asked) = start(false);
    asked.recv().await.unwrap();
    terminate_this_process();
    server.await.unwrap().unwrap();

    // A handler's panic ends only its own connection.
    let (server, mut asked) = start(true);
    asked.recv().await.unwrap();
    let answers = tokio::task::spawn_blocking(panic_then_fine).await;
    let (panicked, fine) = answers.unwrap();
    assert_eq!(panicked.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!((fine.status, fine.body.as_str()), (200, "fine"));

    // The server closes an idle connection, and one whose request arrives too slowly.
    for sent in ["", "GET / HTTP/1.1\r\nhos"] {
        assert!(
            tokio::task::spawn_blocking(|| is_idle_closed(sent))
                .await
                .unwrap()
        );
    }

    terminate_this_process();
    server.await.unwrap().unwrap();
}
