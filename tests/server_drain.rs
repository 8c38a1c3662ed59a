//! The clients' view of a server that drains.
#![allow(clippy::unwrap_used, missing_docs)]

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flipless_testing::client::Client;
use flipless_testing::notify::Notifications;
use flipless_testing::process::{Launch, Server};
use flipless_testing::{LIMIT, wait_for};

const SERVER: &str = env!("CARGO_BIN_EXE_server");

/// Starts a server. Returns the server, its messages to systemd, and its listening socket, which outlives the
/// server as under systemd.
fn start(drain_seconds: u32) -> (Server, Notifications, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let notifications = Notifications::new();
    let launch = Launch::program_on(&[SERVER], &listener).notifying(&notifications);
    let server = launch
        .set("FLIPLESS_DRAIN_SECONDS", &drain_seconds.to_string())
        .serving();
    notifications.wait_for("READY=1");
    (server, notifications, listener)
}

/// Sends SIGTERM, and waits until the server drains.
fn begin_drain(server: &Server, notifications: &Notifications) {
    server.signal("TERM");
    notifications.wait_for("STOPPING=1");
}

#[test]
fn an_idle_server_stops_at_once() {
    let (mut server, notifications, _listener) = start(60);
    begin_drain(&server, &notifications);
    let (status, stderr) = server.exit();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_request_in_flight_is_finished() {
    let (mut server, notifications, _listener) = start(60);
    let mut client = server.connect();
    client
        .send("GET /slow?ms=3000 HTTP/1.1\r\nhost: test\r\n\r\n")
        .unwrap();
    let mut other = server.connect();
    wait_for("the request's arrival", || {
        other
            .get("/status.json")
            .body
            .contains("\"connections\":2")
            .then_some(())
    });
    begin_drain(&server, &notifications);
    let answer = client.answer().unwrap();
    assert_eq!(answer.body, "answered after 3000 ms\n");
    assert!(answer.closes());
    drop(other);
    assert_eq!(server.exit().0.code(), Some(0));
}

#[test]
fn an_idle_connection_is_kept_for_one_more_answer() {
    let (mut server, notifications, _listener) = start(60);
    let mut client = server.connect();
    assert!(!client.get("/health").closes());
    begin_drain(&server, &notifications);
    let answer = client.get("/health");
    assert_eq!((answer.status, answer.closes()), (200, true));
    assert!(client.is_closed());
    assert_eq!(server.exit().0.code(), Some(0));
}

#[test]
fn a_second_sigterm_changes_nothing() {
    let (mut server, notifications, _listener) = start(60);
    let mut client = server.connect();
    client.get("/health");
    begin_drain(&server, &notifications);
    server.signal("TERM");
    // The signal arrives before the end of this request.
    assert_eq!(client.get("/slow?ms=100").status, 200);
    assert_eq!(server.exit().0.code(), Some(0));
}

#[test]
fn a_second_sigint_ends_the_drain() {
    let (mut server, notifications, _listener) = start(60);
    let mut client = server.connect();
    client.get("/health");
    server.signal("INT");
    notifications.wait_for("STOPPING=1");
    server.signal("INT");
    let (status, stderr) = server.exit();
    assert_eq!(status.code(), Some(0));
    assert!(stderr.contains("1 connection cut"), "{stderr}");
    assert!(client.is_closed());
}

#[test]
fn the_deadline_cuts_what_is_left() {
    let (mut server, notifications, _listener) = start(1);
    let mut idle = server.connect();
    idle.get("/health");
    let mut busy = server.connect();
    busy.send("GET /slow?ms=60000 HTTP/1.1\r\nhost: test\r\n\r\n")
        .unwrap();
    let mut other = server.connect();
    wait_for("three connections", || {
        other
            .get("/status.json")
            .body
            .contains("\"connections\":3")
            .then_some(())
    });
    drop(other);
    let began = Instant::now();
    begin_drain(&server, &notifications);
    let (status, stderr) = server.exit();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(status.code(), Some(0));
    assert!(stderr.contains("2 connections cut"), "{stderr}");
    assert!(idle.is_closed() && busy.is_closed());
}

#[test]
fn two_hundred_idle_connections_lose_no_request() {
    let (mut server, notifications, _listener) = start(60);
    let mut clients: Vec<Client> = (0..200).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/health").status, 200);
    }
    begin_drain(&server, &notifications);
    for (number, client) in clients.iter_mut().enumerate() {
        let answer = client.try_get("/health");
        let answer = answer.unwrap_or_else(|error| panic!("client {number}: {error}"));
        assert_eq!((answer.status, answer.closes()), (200, true));
    }
    assert_eq!(server.exit().0.code(), Some(0));
}

#[test]
fn an_event_stream_ends_with_an_event() {
    let (mut server, notifications, _listener) = start(60);
    let mut client = server.connect();
    client
        .send("GET /stream?count=100&ms=60000 HTTP/1.1\r\nhost: test\r\n\r\n")
        .unwrap();
    assert_eq!(client.head().unwrap().status, 200);
    assert_eq!(client.chunk().unwrap().unwrap(), "data: 1\n\n");
    begin_drain(&server, &notifications);
    assert_eq!(
        client.chunk().unwrap().unwrap(),
        "event: end\ndata: draining\n\n"
    );
    assert_eq!(client.chunk().unwrap(), None);
    // The stream's head was sent before the drain, so only the next answer announces the close.
    assert!(client.get("/health").closes());
    assert_eq!(server.exit().0.code(), Some(0));
}

#[test]
fn a_websocket_is_closed_as_going_away() {
    let (mut server, notifications, _listener) = start(60);
    let mut client = server.connect();
    assert_eq!(client.upgrade("/echo").status, 101);
    client.send_frame(1, b"before");
    assert_eq!(client.frame(), (1, b"before".to_vec()));
    begin_drain(&server, &notifications);
    let (opcode, payload) = client.frame();
    assert_eq!(opcode, 8);
    assert_eq!(payload[..2], 1001_u16.to_be_bytes());
    // An upgraded connection counts as open: the server waits for it.
    assert!(server.is_running());
    client.send_frame(8, &payload[..2]);
    assert!(client.is_closed());
    assert_eq!(server.exit().0.code(), Some(0));
}

#[test]
fn the_status_has_the_number_of_open_connections() {
    let (server, notifications, _listener) = start(60);
    let mut clients = [server.connect(), server.connect()];
    clients
        .iter_mut()
        .for_each(|client| assert_eq!(client.get("/health").status, 200));
    // The test has made and closed a connection to wait for the server's start. The server may notice the close
    // late.
    wait_for("two connections", || {
        clients[0]
            .get("/status.json")
            .body
            .contains("\"connections\":2")
            .then_some(())
    });
    server.signal("TERM");
    let message = notifications.wait_for("STOPPING=1");
    assert_eq!(message, "STOPPING=1\nSTATUS=draining, 2 connections left\n");
}

/// A load on new and on kept connections. It never retries a request.
struct Load {
    stop: AtomicBool,
    answered: AtomicUsize,
}

/// Ends the load even if an assertion fails. Otherwise the test would join its threads forever.
struct StopOnDrop<'a>(&'a Load);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

impl Load {
    fn new_connections(&self, listener: &TcpListener) -> Result<(), String> {
        self.repeat(|| {
            let mut client = Client::try_connect(listener.local_addr().unwrap())?;
            client.try_get("/health")
        })
    }

    fn kept_connections(&self, listener: &TcpListener) -> Result<(), String> {
        let mut kept: Option<Client> = None;
        self.repeat(|| {
            let mut client = match kept.take() {
                Some(client) => client,
                None => Client::try_connect(listener.local_addr().unwrap())?,
            };
            let answer = client.try_get("/health")?;
            kept = (!answer.closes()).then_some(client);
            Ok(answer)
        })
    }

    fn repeat(
        &self,
        mut request: impl FnMut() -> std::io::Result<flipless_testing::client::Answer>,
    ) -> Result<(), String> {
        while !self.stop.load(Ordering::Relaxed) {
            let answer = request().map_err(|error| error.to_string())?;
            if answer.status != 200 {
                return Err(format!("status {}", answer.status));
            }
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Waits for this many further answers.
    fn advance(&self, answers: usize) {
        let goal = self.answered.load(Ordering::Relaxed) + answers;
        wait_for("answers", || {
            (self.answered.load(Ordering::Relaxed) >= goal).then_some(())
        });
    }
}

#[test]
fn a_handover_under_load_loses_nothing() {
    let (mut old, _, listener) = start(30);
    let load = Load {
        stop: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
    };
    thread::scope(|scope| {
        let stop = StopOnDrop(&load);
        let clients: Vec<_> = (0..8)
            .map(|number| {
                let (load, listener) = (&load, &listener);
                scope.spawn(move || {
                    let new = number % 2 == 0;
                    if new {
                        load.new_connections(listener)
                    } else {
                        load.kept_connections(listener)
                    }
                })
            })
            .collect();
        for round in 0..5 {
            load.advance(200);
            let notifications = Notifications::new();
            let new = Launch::program_on(&[SERVER], &listener)
                .notifying(&notifications)
                .spawn();
            notifications.wait_for("READY=1");
            old.signal("TERM");
            let began = Instant::now();
            assert_eq!(old.exit().0.code(), Some(0), "round {round}");
            assert!(began.elapsed() < LIMIT);
            old = new;
        }
        load.advance(200);
        drop(stop);
        for client in clients {
            client.join().unwrap().unwrap();
        }
    });
}
