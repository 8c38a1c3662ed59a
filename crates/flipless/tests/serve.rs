//! The library with services that the demonstration server does not have.
//!
//! The only test here sends SIGTERM to its own process, so no other test can run beside it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use flipless::{ServeError, Server};
use flipless_testing::client::{Answer, Client};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Returns an address that no other process uses. The address contains the pid, because all of 127.0.0.0/8 is loopback.
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

/// Returns whether the server closes a connection on which the client sends only this text.
fn is_idle_closed(sent: &str) -> bool {
    let mut client = Client::connect(own_address());
    client.send(sent).unwrap();
    client.is_closed()
}

/// Sends two requests. The handler of the first one panics.
fn panic_then_fine() -> (io::Result<Answer>, Answer) {
    let get = |path| Client::connect(own_address()).try_get(path);
    (get("/panic"), get("/").unwrap())
}

/// The size of an answer that does not fit into the buffers of a connection.
const LARGE: usize = 64 << 20;

/// Returns how much of a large answer a slow client gets. After the first bytes the client reads nothing for longer
/// than a connection may be idle.
fn read_slowly() -> usize {
    let mut stream = TcpStream::connect(own_address()).unwrap();
    let request = b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let first = stream.read(&mut [0; 64]).unwrap();
    for _ in 0..2 {
        assert!(is_idle_closed(""));
    }
    first + io::copy(&mut stream, &mut io::sink()).unwrap() as usize
}

/// Sends a request that is never answered, and returns what the client sees at the end of the connection.
fn wait_for_answer() -> io::Error {
    Client::connect(own_address())
        .try_get("/never")
        .unwrap_err()
}

async fn panicking() -> &'static str {
    panic!("on purpose")
}

/// Starts a server whose health check and whose handler of `/never` send a message when they run.
fn start(health: bool) -> (JoinHandle<Result<(), ServeError>>, mpsc::Receiver<()>) {
    let (asked, was_asked) = mpsc::channel(1);
    let never_asked = asked.clone();
    let never = async move || {
        never_asked.send(()).await.unwrap();
        std::future::pending::<()>().await;
    };
    let check = async move || {
        asked.send(()).await.unwrap();
        if !health {
            std::future::pending::<()>().await;
        }
    };
    let app = Router::new()
        .route("/up", get(check))
        .route("/never", get(never))
        .route("/panic", get(panicking))
        .route("/large", get(async || vec![0; LARGE]))
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
    // SIGTERM before the server is ready: the server already handles the signal during its health check.
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

    // A client that is slow to read gets the whole answer, although hyper got all of it from the handler long before.
    let got = tokio::task::spawn_blocking(read_slowly).await.unwrap();
    assert!(got > LARGE, "{got}");

    terminate_this_process();
    server.await.unwrap().unwrap();

    // A server whose future is dropped drops its connections, also those with a request.
    let (server, mut asked) = start(true);
    asked.recv().await.unwrap();
    let client = tokio::task::spawn_blocking(wait_for_answer);
    asked.recv().await.unwrap();
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled());
    assert_eq!(client.await.unwrap().kind(), ErrorKind::UnexpectedEof);
}
