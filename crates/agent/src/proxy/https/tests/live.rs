//! The pieces in the real nginx, with EB's own configuration around them.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flipless_settings::layout;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// nginx in a folder of its own. The process ends when the value is dropped.
struct Nginx {
    process: Child,
    folder: tempfile::TempDir,
}

impl Nginx {
    fn start(settings: &Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(settings, folder.path());
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        std::fs::write(tokens.join("a-token"), "the proof").unwrap();
        let process = nginx(folder.path(), &[]).spawn().unwrap();
        Self { process, folder }
    }

    /// Returns the answer on the public port.
    fn get(&self, path: &str, headers: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        let mut stream = loop {
            match UnixStream::connect(self.folder.path().join("public")) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < deadline, "nginx does not listen: {error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let head = format!("GET {path} HTTP/1.0\r\nHost: Shop.example.com:80\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn nginx(folder: &Path, more: &[&str]) -> Command {
    let mut nginx = Command::new("/usr/sbin/nginx");
    nginx
        .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
        .arg(folder)
        .args(more)
        // The path of a Unix socket is relative to the working directory, not to nginx's prefix.
        .current_dir(folder)
        .stderr(Stdio::piped());
    nginx
}

/// Writes the staged configuration, changed so that its sockets and files are in this folder. The server of HTTPS has
/// no certificate, so it refuses every handshake.
fn write(settings: &Settings, folder: &Path) {
    let instance = staged();
    // The nginx of this machine may have another version than the nginx of the model.
    stage_it(&instance, settings).unwrap();
    let said = Command::new("/usr/sbin/nginx").arg("-v").output();
    let said = said
        .expect("nginx is needed: `apt-get install nginx-light`")
        .stderr;
    let said = String::from_utf8_lossy(&said);
    let version = flipless_settings::nginx::parse_version(&said).unwrap();
    let common = Configuration::staged(&instance.system, Path::new(BUNDLE));
    let common = common::find(&common, settings).unwrap();
    let https = server(settings, version, &common);
    put(&instance, SERVER, &https);
    let tokens = format!("{}/", layout::CHALLENGES);
    let changes = [
        ("user nginx;", "daemon off; master_process off;"),
        ("/var/run/nginx.pid", "pid"),
        (
            "include /etc/nginx/mime.types;",
            "client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; \
         uwsgi_temp_path d; scgi_temp_path e;",
        ),
        ("/var/log/nginx/error.log", "stderr"),
        ("/var/log/nginx/access.log", "log"),
        ("/var/log/nginx/healthd/", "healthd-"),
        ("listen 80 ", "listen unix:public "),
        ("listen 443 ", "listen unix:https "),
        ("http://127.0.0.1:5000", "http://unix:server:"),
        (&tokens, "tokens/"),
    ];
    for file in NGINX_FILES
        .iter()
        .map(|(file, _)| *file)
        .chain([SERVER, LOCATIONS])
    {
        let mut text = text(&instance, file);
        for (from, to) in changes {
            text = text.replace(from, to);
        }
        let own = |line: &&str| !line.contains("ssl_certificate");
        text = text.split_inclusive('\n').filter(own).collect();
        let text = text.replace(
            "    ssl_protocols",
            "    ssl_reject_handshake on;\n    ssl_protocols",
        );
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Answers each request with the head of that request.
fn echo(folder: &Path) {
    let listener = UnixListener::bind(folder.join("server")).unwrap();
    // The thread ends with the test's process.
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(&head);
        }
    });
}

#[test]
fn nginx_takes_the_pieces_with_every_setting() {
    for change in [
        |_: &mut Settings| {},
        |all: &mut Settings| all.https.redirect = false,
        |all: &mut Settings| all.https.strict_transport_security_seconds = 63_072_000,
        |all: &mut Settings| all.https.port = 8443,
        // The odd characters that a path may have.
        |all: &mut Settings| all.server.health_path = "/a^b$c{d}(e)[f]|g*+.;~#&!@=,:-_?x".into(),
        |all: &mut Settings| {
            all.https.certificate = Some("/a.pem".into());
            all.https.redirect = false;
        },
    ] {
        let mut settings = settings();
        change(&mut settings);
        let folder = tempfile::tempdir().unwrap();
        write(&settings, folder.path());
        let tested = nginx(folder.path(), &["-t"]).output().unwrap();
        let said = String::from_utf8_lossy(&tested.stderr).into_owned();
        assert!(tested.status.success(), "{settings:?}: {said}");
        assert!(!said.contains("[warn]"), "{settings:?}: {said}");
    }
}

#[test]
fn the_public_port_redirects_all_but_the_health_path_the_challenge_and_what_came_over_https() {
    let mut settings = settings();
    settings.server.health_path = "/a^b.c(d)".into();
    let nginx = Nginx::start(&settings);
    echo(nginx.folder.path());
    let redirected = nginx.get("/cart?a=1", "");
    assert!(redirected.starts_with("HTTP/1.1 308 "), "{redirected}");
    let location = "Location: https://shop.example.com/cart?a=1\r\n";
    assert!(redirected.contains(location), "{redirected}");
    for path in ["/a^b.c(d)x", "/x/a^b.c(d)", "/a^bxc(d)", "/.well-known/x"] {
        assert!(nginx.get(path, "").starts_with("HTTP/1.1 308 "), "{path}");
    }
    let health = nginx.get("/a^b.c(d)?x", "");
    assert!(health.starts_with("HTTP/1.1 200 "), "{health}");
    // As without HTTPS, the server gets what the client has sent.
    assert!(!health.contains("X-Forwarded-Proto"), "{health}");
    let by_a_balancer = nginx.get("/cart", "X-Forwarded-Proto: https\r\n");
    assert!(
        by_a_balancer.contains("\r\nX-Forwarded-Proto: https\r\n"),
        "{by_a_balancer}"
    );
    let proof = nginx.get("/.well-known/acme-challenge/a-token", "");
    assert!(proof.ends_with("\r\n\r\nthe proof"), "{proof}");
    assert!(proof.contains("Content-Type: text/plain\r\n"), "{proof}");
    let none = nginx.get("/.well-known/acme-challenge/b", "");
    assert!(none.starts_with("HTTP/1.1 404 "), "{none}");
}
