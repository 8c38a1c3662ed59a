//! The library with services that the demonstration server does not have.
//!
//! One test only: it sends SIGTERM to its own process.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use flipless::{ServeError, Server};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// An address of this process only: all of 127.0.0.0/8 is loopback.
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

/// Waits until the server closes a connection that says nothing, or only half a request.
fn is_idle_closed(sent: &[u8]) -> bool {
    let mut stream = TcpStream::connect(own_address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(sent).unwrap();
    matches!(stream.read(&mut [0]), Ok(0))
}

/// The whole connection's answer; empty if the server closes without one.
fn get_once(path: &str) -> String {
    let mut stream = TcpStream::connect(own_address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

async fn panicking() -> &'static str {
    panic!("on purpose")
}

/// Starts a server whose health check reports that it was asked.
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
    // Before it is ready: the handler of SIGTERM is in place once the check is asked.
    let (server, mut asked) = start(false);
    asked.recv().await.unwrap();
    terminate_this_process();
    server.await.unwrap().unwrap();

    // A handler's panic ends its own connection.
    let (server, mut asked) = start(true);
    asked.recv().await.unwrap();
    let answers = tokio::task::spawn_blocking(|| [get_once("/panic"), get_once("/")]);
    let [panicked, fine] = answers.await.unwrap();
    assert_eq!(panicked, "");
    assert!(
        fine.starts_with("HTTP/1.1 200") && fine.ends_with("fine"),
        "{fine}"
    );

    // A connection that is idle for long, or slow, is closed.
    for sent in [&b""[..], b"GET / HTTP/1.1\r\nhos"] {
        assert!(
            tokio::task::spawn_blocking(|| is_idle_closed(sent))
                .await
                .unwrap()
        );
    }

    terminate_this_process();
    server.await.unwrap().unwrap();
}
