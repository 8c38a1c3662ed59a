//! The staged configuration in the real nginx, with a server that crashes or hangs.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::{APPLICATION, DIRECT, EBS, PROXY_STAGING, UPSTREAM, stage_it, staged};

const LIMIT: Duration = Duration::from_secs(10);
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/// nginx on a Unix socket, so that it needs no free port. The process ends when the value is dropped.
struct Nginx {
    process: Child,
    folder: tempfile::TempDir,
}

impl Nginx {
    /// Starts nginx with the result of `stage`, in front of the server at `server`.
    fn before(server: &TcpListener) -> Self {
        let instance = staged(EBS);
        stage_it(&instance);
        let own = "127.0.0.1:5000";
        let address = server.local_addr().unwrap().to_string();
        let folder = tempfile::tempdir().unwrap();
        for (path, name) in [
            (format!("{PROXY_STAGING}/{APPLICATION}"), "application.conf"),
            (
                format!("{PROXY_STAGING}/conf.d/{UPSTREAM}"),
                "upstream.conf",
            ),
        ] {
            let text = super::text(&instance, &path).unwrap();
            assert!(!text.contains(DIRECT), "{text}");
            std::fs::write(folder.path().join(name), text.replace(own, &address)).unwrap();
        }
        std::fs::write(folder.path().join("nginx.conf"), CONFIGURATION).unwrap();
        let program = Command::new("/usr/sbin/nginx")
            .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
            .arg(folder.path())
            // The path of a Unix socket is relative to the working directory, not to nginx's prefix.
            .current_dir(folder.path())
            .stderr(Stdio::inherit())
            .spawn();
        let process = program.expect("nginx is needed: `apt-get install nginx-light`");
        Self { process, folder }
    }

    /// Returns the status line of the answer.
    fn ask(&self, method: &str) -> String {
        let path: PathBuf = self.folder.path().join("front");
        let deadline = Instant::now() + LIMIT;
        let mut stream = loop {
            match UnixStream::connect(&path) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < deadline, "nginx does not listen: {error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let head = format!("{method} / HTTP/1.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The configuration around EB's file, with a short read timeout for the test.
const CONFIGURATION: &str = "daemon off; master_process off; pid pid;
events {}
http {
    access_log off; error_log stderr;
    client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;
    proxy_read_timeout 300ms;
    include upstream.conf;
    map $http_upgrade $connection_upgrade { default upgrade; }
    server { listen unix:front; include application.conf; }
}
";

/// Starts a server that treats the nth request as `does` says. Returns a receiver of the requests.
fn server(listener: &TcpListener, does: fn(usize, TcpStream)) -> Receiver<String> {
    let listener = listener.try_clone().unwrap();
    let (reached, requests) = channel();
    // The thread ends with the test's process. No test waits for it.
    std::thread::spawn(move || {
        for number in 0.. {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            let line = String::from_utf8(head).unwrap();
            if reached.send(line).is_err() {
                return;
            }
            does(number, stream);
        }
    });
    requests
}

/// Drops the first request, as a killed server does. Answers the following requests.
fn dies_once(number: usize, mut stream: TcpStream) {
    if number > 0 {
        stream.write_all(OK).unwrap();
    }
}

fn dies(_: usize, _: TcpStream) {}

/// Keeps the connection open until nginx closes it.
fn hangs(_: usize, mut stream: TcpStream) {
    let _ = stream.read(&mut [0]);
}

#[test]
fn a_get_whose_server_crashes_is_answered_by_the_restarted_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let requests = server(&listener, dies_once);
    let answer = Nginx::before(&listener).ask("GET");
    assert_eq!(answer, "HTTP/1.1 200 OK");
    let sent: Vec<_> = requests.try_iter().collect();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1], "the same request again");
    assert!(sent[0].contains("\r\nHost: x\r\n"), "{}", sent[0]);
}

#[test]
fn a_post_that_was_sent_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let requests = server(&listener, dies_once);
    let answer = Nginx::before(&listener).ask("POST");
    assert_eq!(answer, "HTTP/1.1 502 Bad Gateway");
    assert_eq!(requests.try_iter().count(), 1);
}

#[test]
fn a_request_that_kills_every_server_is_sent_twice_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let requests = server(&listener, dies);
    let answer = Nginx::before(&listener).ask("GET");
    assert_eq!(answer, "HTTP/1.1 502 Bad Gateway");
    assert_eq!(requests.try_iter().count(), 2);
}

#[test]
fn a_slow_request_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let requests = server(&listener, hangs);
    let answer = Nginx::before(&listener).ask("GET");
    assert_eq!(answer, "HTTP/1.1 504 Gateway Time-out");
    assert_eq!(requests.try_iter().count(), 1);
}
