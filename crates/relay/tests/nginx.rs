//! The relay behind the real nginx, and compared with it.
#![allow(clippy::unwrap_used, missing_docs)]

mod rig;

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;

use flipless_testing::{LIMIT, wait_for};
use rig::{Played, head, listener, send, status};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// nginx on a Unix socket, so that it needs no free port. The process ends when the value is dropped.
struct Nginx {
    process: Child,
    folder: tempfile::TempDir,
}

/// nginx's configuration: EB's `location`, and the upstream of `platform-templates/nginx`.
const CONFIGURATION: &str = "daemon off; master_process off; pid pid;
events {}
http {
    access_log off; error_log stderr;
    client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;
    map $http_upgrade $connection_upgrade { default upgrade; }
    upstream flipless_app {
        server ADDRESS max_fails=0;
        server ADDRESS max_fails=0 backup;
    }
    server {
        listen unix:front;
        location / {
            proxy_pass http://flipless_app;
            proxy_http_version 1.1;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }
    }
}
";

impl Nginx {
    fn before(server: &TcpListener) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = server.local_addr().unwrap().to_string();
        let configuration = CONFIGURATION.replace("ADDRESS", &address);
        fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        let program = Command::new("/usr/sbin/nginx")
            .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
            .arg(folder.path())
            // The path of a Unix socket is relative to the working directory, not to nginx's prefix.
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .spawn();
        let process = program.expect("nginx is needed: `apt-get install nginx-light`");
        Self { process, folder }
    }

    fn send(&self, request: &str) -> UnixStream {
        let path = self.folder.path().join("front");
        let mut stream = wait_for("nginx", || UnixStream::connect(&path).ok());
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads the head and the body of an answer, up to the end of the connection, which nginx closes.
fn answer(mut stream: UnixStream) -> String {
    std::io::read_to_string(&mut stream).unwrap()
}

#[test]
fn nginx_sends_a_get_to_the_next_relay_if_the_server_is_killed_over_it() {
    let front = listener();
    let nginx = Nginx::before(&front);
    let mut old = Played::start(&front, "nginx");
    let requests: Vec<UnixStream> = (0..20)
        .map(|number| format!("GET /{number} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
        .map(|request| nginx.send(&request))
        .collect();
    let arrived: Vec<_> = requests.iter().map(|_| old.arrived()).collect();
    old.kill_server();
    drop(arrived);
    old.exit();
    let new = Played::start(&front, "nginx");
    for _ in &requests {
        new.arrived().answer(OK);
    }
    for request in requests {
        assert_eq!(status(&answer(request)), 200);
    }
}

#[test]
fn nginx_sends_no_post_a_second_time() {
    let front = listener();
    let nginx = Nginx::before(&front);
    let mut played = Played::start(&front, "nginx");
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
    let request = nginx.send(post);
    let arrived = played.arrived();
    played.kill_server();
    drop(arrived);
    assert_eq!(status(&answer(request)), 502);
    played.exit();
}

#[test]
fn in_direct_mode_a_request_has_the_same_status_as_behind_nginx() {
    let front = listener();
    let played = Played::start(&front, "direct");
    thread::spawn(move || {
        loop {
            played.arrived().answer(OK);
        }
    });
    let plain = listener();
    let nginx = Nginx::before(&plain);
    thread::spawn(move || {
        for stream in plain.incoming() {
            let mut stream = stream.unwrap();
            if !head(&stream).is_empty() {
                stream.write_all(OK.as_bytes()).unwrap();
            }
        }
    });
    let fields = |count| "X: y\r\n".repeat(count);
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n".into(),
        "GET / HTTP/1.1\r\nHost: a.example:80\r\n".into(),
        "GET / HTTP/1.1\r\nHost: a_b\r\n".into(),
        "GET / HTTP/1.0\r\n".into(),
        "GET / HTTP/1.1\r\n".into(),
        "GET / HTTP/1.1\r\nHost:\r\n".into(),
        "GET / HTTP/1.1\r\nHost: a b\r\n".into(),
        "GET / HTTP/1.1\r\nHost: a/b\r\n".into(),
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n".into(),
        "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n".into(),
        "GET http://a.example/x HTTP/1.1\r\nHost: b\r\n".into(),
        "GET http://a.example?x HTTP/1.1\r\nHost: b\r\n".into(),
        "GET http://a.example/x HTTP/1.1\r\n".into(),
        "GET http://b@a.example/x HTTP/1.1\r\nHost: a\r\n".into(),
        "GET a.example HTTP/1.1\r\nHost: a\r\n".into(),
        "GET * HTTP/1.1\r\nHost: a\r\n".into(),
        "CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n".into(),
        "CONNECT / HTTP/1.1\r\nHost: a\r\n".into(),
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n".into(),
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n".into(),
        // With Host and Connection, this request has 1,000 fields, the most that nginx accepts (`max_headers`). More
        // fields are not compared here, because an nginx without security updates accepts them.
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}", fields(998)),
    ] {
        let request = format!("{request}Connection: close\r\n\r\n");
        let behind = status(&answer(nginx.send(&request)));
        let direct = status(&head(&send(&front, &request)));
        assert_eq!(direct, behind, "{request}");
    }
}
