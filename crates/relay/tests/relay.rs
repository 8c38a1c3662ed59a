//! The relay as a process, in front of the demonstration server. The relay hides the listener from this server, so the
//! server binds its own port.
#![allow(clippy::unwrap_used, missing_docs)]

mod rig;

use std::fs;
use std::net::TcpListener;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::Command;
use std::thread;

use flipless_testing::notify::Notifications;
use flipless_testing::process::{Launch, Server};
use flipless_testing::programs::demonstration_server;
use flipless_testing::wait_for;
use rig::{RELAY, child, find_child, kill, listener};

/// The relay gives the server a port above this one.
const PORT: &str = "5000";

/// Returns the launch of a relay in front of this server. On an instance, the unit of the run sets `PORT` to
/// `[server] port`.
fn relay(server: &[&str], listener: &TcpListener) -> Launch {
    let words = [&[RELAY], server].concat();
    Launch::program_on(&words, listener).set("PORT", PORT)
}

fn launch(listener: &TcpListener) -> Launch {
    relay(&[demonstration_server()], listener)
}

/// A relay that the test ends with SIGTERM, so that the relay stops its server.
struct Relay(Server);

impl Relay {
    fn on(listener: &TcpListener) -> Self {
        Self(launch(listener).serving())
    }

    fn notifying(listener: &TcpListener, notifications: &Notifications) -> Self {
        Self(launch(listener).notifying(notifications).serving())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if !self.0.is_running() {
            return;
        }
        if thread::panicking() {
            // The test may have failed because the relay does not react to SIGTERM.
            let server = find_child(&self.0).map(|pid| pid.to_string());
            let _ = Command::new("kill").arg("-9").args(server).status();
        } else {
            self.0.signal("TERM");
            self.0.exit();
        }
    }
}

impl Deref for Relay {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for Relay {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

/// Returns the port that the server prints. The server and the relay have the same standard error.
fn port_of(relay: &mut Server) -> u16 {
    relay.listening_address().port()
}

/// Runs a relay that can't serve, and returns its standard error.
fn refused(words: &[&str]) -> String {
    let listener = listener();
    let (status, stderr) = relay(words, &listener).spawn().exit();
    assert_eq!(status.code(), Some(1), "{stderr}");
    stderr
}

#[test]
fn it_is_ready_when_the_server_is_healthy_and_passes_requests_on() {
    let (listener, notifications) = (listener(), Notifications::new());
    let mut relay = Relay::notifying(&listener, &notifications);
    notifications.wait_for("READY=1");
    assert!(port_of(&mut relay) > 5000);
    let mut client = relay.connect();
    assert_eq!(client.get("/health").body, "ok\n");
    assert_eq!(client.get("/no-such-page").status, 404);
    assert_eq!(
        client
            .get("/stream?count=2&ms=1")
            .body
            .matches("data:")
            .count(),
        3
    );
    client
        .send("POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\nhello")
        .unwrap();
    assert_eq!(client.answer().unwrap().body, "5\n");
}

#[test]
fn two_runs_serve_side_by_side() {
    let listener = listener();
    let (mut old, mut new) = (Relay::on(&listener), Relay::on(&listener));
    assert_ne!(port_of(&mut old), port_of(&mut new));
    old.signal("TERM");
    assert_eq!(old.exit().0.code(), Some(0));
    assert_eq!(new.connect().get("/health").status, 200);
    assert!(new.is_running());
}

#[test]
fn the_server_sees_neither_the_listener_nor_systemd() {
    let (listener, notifications) = (listener(), Notifications::new());
    let relay = Relay::notifying(&listener, &notifications);
    let child = format!("/proc/{}", child(&relay));
    let environment = fs::read_to_string(format!("{child}/environ")).unwrap();
    let variables: Vec<&str> = environment.split('\0').collect();
    for name in ["LISTEN_", "NOTIFY_SOCKET=", "WATCHDOG_"] {
        let seen = variables.iter().find(|variable| variable.starts_with(name));
        assert_eq!(seen, None);
    }
    let inode = |path: &str| fs::read_link(path).unwrap();
    let held = inode(&format!("/proc/{}/fd/3", relay.pid()));
    // The server may close a connection after `read_dir` has listed its descriptor. The link then no longer exists.
    let descriptors: Vec<_> = fs::read_dir(format!("{child}/fd"))
        .unwrap()
        .filter_map(|descriptor| fs::read_link(descriptor.unwrap().path()).ok())
        .collect();
    assert!(!descriptors.is_empty());
    assert!(!descriptors.contains(&held), "{descriptors:?}");
}

#[test]
fn a_request_in_flight_is_finished_before_the_server_is_stopped() {
    let (listener, notifications) = (listener(), Notifications::new());
    let mut relay = Relay::notifying(&listener, &notifications);
    let server = child(&relay);
    let mut client = relay.connect();
    client
        .send("GET /slow?ms=3000 HTTP/1.1\r\nhost: test\r\n\r\n")
        .unwrap();
    // The server counts the relay's two connections: one for the slow request, and one for `other`.
    let mut other = relay.connect();
    wait_for("the request's arrival", || {
        let status = other.get("/status.json").body;
        status.contains("\"connections\":2").then_some(())
    });
    drop(other);
    relay.signal("TERM");
    notifications.wait_for("STOPPING=1");
    let answer = client.answer().unwrap();
    assert_eq!(answer.body, "answered after 3000 ms\n");
    assert!(answer.closes());
    let (status, stderr) = relay.exit();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert!(!Path::new(&format!("/proc/{server}")).exists());
}

#[test]
fn a_relay_that_is_stopped_while_the_server_starts_stops_it() {
    let listener = listener();
    let launch = launch(&listener).set("FLIPLESS_TEST_START", "hang");
    let mut relay = Relay(launch.spawn());
    let server = child(&relay);
    relay.signal("TERM");
    assert_eq!(relay.exit().0.code(), Some(0));
    assert!(!Path::new(&format!("/proc/{server}")).exists());
}

/// Stops a relay whose server runs behind a shell, and returns the standard error. SIGTERM ends the first shell at
/// once. The second shell is the server, and runs `on_term` on SIGTERM.
fn behind_a_shell(on_term: &str) -> String {
    let listener = listener();
    let script = format!(
        "(trap '{on_term}' TERM; echo up >&2; i=0; while [ $((i += 1)) -le 20 ]; do sleep 1 & wait $!; done; \
         echo outlived >&2) & wait"
    );
    let mut relay = Relay(relay(&["/bin/sh", "-c", &script], &listener).spawn());
    relay.stderr_line();
    relay.signal("TERM");
    // Standard error ends when the last process ends.
    let (status, stderr) = relay.exit();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("outlived"), "{stderr}");
    stderr
}

#[test]
fn a_server_behind_a_shell_finishes_its_work_before_the_relay_ends() {
    // $PPID is the relay.
    let stderr = behind_a_shell("sleep 0.3; kill -0 $PPID && echo finished >&2; exit 0");
    assert!(stderr.contains("finished"), "{stderr}");
}

#[test]
fn a_server_behind_a_shell_that_ignores_sigterm_is_killed() {
    behind_a_shell(":");
}

#[test]
fn a_websocket_is_passed_on() {
    let listener = listener();
    let relay = Relay::on(&listener);
    let mut client = relay.connect();
    assert_eq!(client.upgrade("/echo").status, 101);
    client.send_frame(1, b"hello");
    assert_eq!(client.frame(), (1, b"hello".to_vec()));
}

#[test]
fn a_server_that_dies_takes_the_relay_along() {
    let listener = listener();
    let mut relay = Relay::on(&listener);
    kill(child(&relay));
    let (status, stderr) = relay.exit();
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("the server ended: signal: 9"), "{stderr}");
}

#[test]
fn a_server_that_does_not_start_is_refused_with_the_reason() {
    let missing = refused(&["/no/such/server"]);
    assert!(
        missing.contains("cannot start /no/such/server"),
        "{missing}"
    );
    let ended = refused(&["/bin/sh", "-c", "exit 7"]);
    assert!(
        ended.contains("ended before it was healthy: exit status: 7"),
        "{ended}"
    );
}

#[test]
fn the_server_gets_its_port_where_the_settings_say() {
    let script = "echo $HTTP_PORT $URL $1 $2 $PORT >&2; exit 7";
    let words = [
        "HTTP_PORT={port}",
        "URL=http://h:{port}/",
        "/bin/sh",
        "-c",
        script,
        "sh",
    ];
    let words = [&words[..], &["--listen=:{port}", "{{port}}{p}"]].concat();
    let stderr = refused(&words);
    let said = stderr.lines().next().unwrap();
    let port = said.split(' ').next().unwrap();
    assert!(port.parse::<u16>().unwrap() > 5000, "{said}");
    let expected = format!("{port} http://h:{port}/ --listen=:{port} {{port}}{{p}} {port}");
    assert_eq!(said, expected);
}

#[test]
fn a_relay_without_a_server_is_misuse() {
    let listener = listener();
    let (status, stderr) = relay(&[], &listener).spawn().exit();
    assert_eq!(status.code(), Some(2));
    assert!(
        stderr.contains("usage: flipless-relay [NAME=VALUE]… PROGRAM"),
        "{stderr}"
    );
}

#[test]
fn a_held_relay_is_ready_and_answers_only_when_its_hold_ends() {
    let (listener, notifications) = (listener(), Notifications::new());
    let folder = tempfile::tempdir().unwrap();
    let hold = folder.path().join("a-1");
    fs::write(&hold, "").unwrap();
    let relay = launch(&listener)
        .set("FLIPLESS_HOLD", hold.to_str().unwrap())
        .notifying(&notifications);
    let relay = Relay(relay.spawn());
    // The server itself is not held. Otherwise the relay could not find out whether the server is healthy.
    notifications.wait_for("READY=1");
    let address = listener.local_addr().unwrap();
    let mut client = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut client, b"GET /health HTTP/1.0\r\n\r\n").unwrap();
    let short = std::time::Duration::from_millis(200);
    client.set_read_timeout(Some(short)).unwrap();
    assert!(std::io::Read::read(&mut &client, &mut [0]).is_err());
    fs::remove_file(&hold).unwrap();
    client
        .set_read_timeout(Some(flipless_testing::LIMIT))
        .unwrap();
    let answer = std::io::read_to_string(client).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    drop(relay);
}
