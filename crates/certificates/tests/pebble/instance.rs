//! An instance: its settings, its folders, a server for challenges, and the program.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use flipless_certificates::certificate::Certificate;
use flipless_certificates::progress::Progress;
use flipless_settings::Settings;
use rcgen::{CertificateParams, KeyPair};

use crate::authority::{Pebble, Setup};
use crate::proxy::Proxy;

pub struct Instance {
    pub folder: tempfile::TempDir,
    pub settings: Settings,
    pub proxy: Proxy,
    pub setup: Setup,
    /// `None` after [`Instance::stop_authority`].
    pebble: Option<Pebble>,
    /// The address from which the program fetches the test token.
    pub connect_to: String,
    /// How long the program waits for the validation, and again for the certificate; `None` for the default.
    pub order_seconds: Option<u64>,
}

impl Instance {
    /// Returns an instance whose challenges the authority reaches.
    pub fn new() -> Self {
        Self::with(Setup::default())
    }

    pub fn with(setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = own_certificate(folder.path());
        for name in ["state", "challenges"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let own = serve(&folder.path().join("challenges"));
        let challenges = if setup.challenges == 0 {
            own
        } else {
            setup.challenges
        };
        let setup = Setup {
            challenges,
            ..setup
        };
        let pebble = Pebble::start(folder.path(), &setup);
        let proxy = Proxy::start(&certificate, &key, pebble.port);
        let mut settings = Settings::default();
        settings.https.domains = vec!["b.flipless.example".into(), "a.flipless.example".into()];
        settings.https.email = Some("owner@flipless.example".into());
        settings.https.directory = format!("https://localhost:{}/dir", proxy.port);
        settings.https.trusted_root = Some(text(&folder.path().join("tls.pem")));
        Self {
            connect_to: format!("127.0.0.1:{own}"),
            order_seconds: None,
            pebble: Some(pebble),
            folder,
            settings,
            proxy,
            setup,
        }
    }

    pub fn state(&self, name: &str) -> PathBuf {
        self.folder.path().join("state").join(name)
    }

    /// Replaces pebble by another one, which has no accounts.
    pub fn replace_authority(&mut self) {
        self.pebble = None;
        let pebble = Pebble::start(self.folder.path(), &self.setup);
        self.proxy.pass_to(pebble.port);
        self.pebble = Some(pebble);
    }

    pub fn stop_authority(&mut self) {
        self.pebble = None;
    }

    pub fn command(&self) -> Command {
        let settings = self.folder.path().join("settings.json");
        std::fs::write(&settings, self.settings.to_json().unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_flipless-certificates"));
        command.arg("renew").arg("--settings").arg(settings);
        command.arg("--state").arg(self.folder.path().join("state"));
        command
            .arg("--challenges")
            .arg(self.folder.path().join("challenges"));
        command.args(["--connect-to", &self.connect_to]);
        if let Some(seconds) = self.order_seconds {
            command.args(["--order-seconds", &seconds.to_string()]);
        }
        command.env("CREDENTIALS_DIRECTORY", self.folder.path());
        command
    }

    /// Calls `renew` once. Asserts that no challenge is left, and that every file of the state is private.
    pub fn renew(&self, words: &[&str]) -> Run {
        let run = Run::of(self.command().args(words));
        let left = std::fs::read_dir(self.folder.path().join("challenges")).unwrap();
        assert_eq!(left.count(), 0);
        for file in std::fs::read_dir(self.folder.path().join("state")).unwrap() {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file:?}");
        }
        run
    }

    /// Calls `renew` once, and expects a success. Returns its standard error.
    #[track_caller]
    pub fn renewed(&self, words: &[&str]) -> String {
        let run = self.renew(words);
        assert_eq!(run.code, 0, "{}", run.said);
        run.said
    }

    /// Calls `renew` once, and expects a failure. Returns its standard error.
    #[track_caller]
    pub fn refused(&self, words: &[&str]) -> String {
        let run = self.renew(words);
        assert_eq!(run.code, 1, "{}", run.said);
        run.said
    }

    pub fn progress(&self) -> Progress {
        let (progress, fault) = Progress::load(&self.folder.path().join("state"));
        assert_eq!(fault, None);
        progress
    }

    pub fn certificate(&self) -> Certificate {
        Certificate::parse(&self.file()).unwrap()
    }

    pub fn file(&self) -> Vec<u8> {
        std::fs::read(self.state("certificate.pem")).unwrap()
    }

    pub fn account(&self) -> String {
        std::fs::read_to_string(self.state("account.json")).unwrap()
    }
}

/// The result of one call of the program.
pub struct Run {
    pub code: i32,
    /// The program's standard error.
    pub said: String,
    pub printed: String,
}

impl Run {
    pub fn of(command: &mut Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        Self {
            code: status.code().unwrap(),
            said: String::from_utf8(stderr).unwrap(),
            printed: String::from_utf8(stdout).unwrap(),
        }
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Makes the authority's own HTTPS certificate, which is self-signed. Returns the certificate and its key.
fn own_certificate(folder: &Path) -> (Vec<u8>, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".into()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap().pem();
    std::fs::write(folder.join("tls.pem"), &certificate).unwrap();
    std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
    (certificate.into_bytes(), key.serialize_pem().into_bytes())
}

/// Serves the folder as nginx does, until the test's process ends. Returns the port.
fn serve(folder: &Path) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = folder.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            let _ = stream.read_line(&mut line);
            let path = line.split(' ').nth(1).unwrap_or_default();
            let token = path
                .strip_prefix("/.well-known/acme-challenge/")
                .unwrap_or("none");
            let (status, body) = match std::fs::read(folder.join(token)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", b"not here".to_vec()),
            };
            while stream.read_line(&mut line).is_ok_and(|length| length > 2) {}
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream
                .get_mut()
                .write_all(&[head.as_bytes(), &body].concat());
        }
    });
    port
}
