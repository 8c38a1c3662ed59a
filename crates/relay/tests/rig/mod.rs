//! A relay in front of a server that the test plays itself. The relay's child is a process that only waits, so that
//! a test can kill it. The test listens on the child's port.
#![allow(dead_code, reason = "each test file uses only a part of this module")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use flipless_testing::process::{Launch, Server};
use flipless_testing::{LIMIT, wait_for};

pub const RELAY: &str = env!("CARGO_BIN_EXE_flipless-relay");
/// Prints the port on standard error, and waits.
const WAITS: &str = "echo $PORT >&2; exec sleep 600";

/// Waits for the relay's child, the server, and returns its pid.
pub fn child(relay: &Server) -> u32 {
    wait_for("the relay's child", || find_child(relay))
}

pub fn find_child(relay: &Server) -> Option<u32> {
    let tasks = fs::read_dir(format!("/proc/{}/task", relay.pid())).ok()?;
    let mut children = tasks.filter_map(|task| {
        let children = fs::read_to_string(task.ok()?.path().join("children")).ok()?;
        children.split(' ').next()?.parse().ok()
    });
    children.next()
}

pub fn kill(pid: u32) {
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(status.unwrap().success());
}

pub fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// A request that has arrived at the server: its head, and its connection.
pub struct Arrived {
    pub head: String,
    pub stream: TcpStream,
}

impl Arrived {
    /// Returns the value of a header field; `None` if the request does not have the field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let line = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        line.map(|(_, value)| value)
    }

    /// Sends the answer, and closes the connection.
    pub fn answer(mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }
}

/// The relay, and the server that the test plays.
pub struct Played {
    relay: Server,
    requests: Receiver<Arrived>,
}

impl Played {
    /// Starts a relay that gets its connections from `front`, in this front mode.
    pub fn start(front: &TcpListener, mode: &str) -> Self {
        let launch = Launch::program_on(&[RELAY, "/bin/sh", "-c", WAITS], front);
        let launch = launch.set("PORT", "5000").set("FLIPLESS_FRONT", mode);
        let mut relay = launch.spawn();
        let port: u16 = relay.stderr_line().trim().parse().unwrap();
        let server = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let (arrived, requests) = channel();
        // The thread ends with the test's process. No test waits for it.
        thread::spawn(move || {
            for stream in server.incoming() {
                let stream = stream.unwrap();
                let head = head(&stream);
                let request = Arrived { head, stream };
                if request.head.starts_with("GET /health ") {
                    request.answer("HTTP/1.1 204 No Content\r\n\r\n");
                } else if arrived.send(request).is_err() {
                    return;
                }
            }
        });
        Self { relay, requests }
    }

    /// Waits for the next request that arrives at the server, and returns it.
    pub fn arrived(&self) -> Arrived {
        self.requests
            .recv_timeout(LIMIT)
            .expect("a request at the server")
    }

    /// Kills the relay's child. The kernel would close the connections of a killed server. Here the test has to close
    /// them: it drops the requests that have arrived.
    pub fn kill_server(&self) {
        kill(child(&self.relay));
    }

    /// Waits until the relay ends. Returns its standard error.
    pub fn exit(&mut self) -> String {
        let (status, stderr) = self.relay.exit();
        assert_eq!(status.code(), Some(1), "{stderr}");
        stderr
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        if let Some(server) = find_child(&self.relay) {
            kill(server);
        }
    }
}

/// Reads a head, up to and including the empty line.
pub fn head(mut stream: &TcpStream) -> String {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => head.extend(byte),
            _ => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// Sends a text to the listener's port.
pub fn send(front: &TcpListener, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(front.local_addr().unwrap()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// Reads until the connection ends, even if a reset ends it.
pub fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    String::from_utf8(bytes).unwrap()
}

/// Returns the status of an answer.
pub fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).unwrap_or_default();
    status
        .parse()
        .unwrap_or_else(|_| panic!("no status in {answer:?}"))
}
