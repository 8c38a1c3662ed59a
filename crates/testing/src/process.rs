//! Starts the server as systemd would, and stops it whatever happens.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use super::notify::Notifications;
use super::{LIMIT, client::Client, programs::demonstration_server, wait_for};

/// Passes standard input and output as descriptors 3 and 4: a test has no other way to hand
/// sockets to a child without unsafe code.
const ACTIVATE: &str = r#"
exec 3<&0 4<&1 </dev/null >/dev/null
LISTEN_PID=${LISTEN_PID-$$}; export LISTEN_PID
[ -z "$OPEN_FILES" ] || ulimit -n "$OPEN_FILES"
exec "$0" "$@"
"#;

/// Variables of this process that must not reach the server.
const OURS: [&str; 7] = [
    "PORT",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "FLIPLESS_HEALTH_LOG",
];

/// How to start a server.
pub struct Launch {
    command: Command,
    address: Option<SocketAddr>,
}

impl Launch {
    /// Not activated, on a free port.
    pub fn plain() -> Self {
        let mut launch = Self {
            command: Command::new(demonstration_server()),
            address: None,
        };
        launch.clean();
        launch.set("PORT", "0")
    }

    /// Activated with these listening sockets, at most two.
    pub fn activated(sockets: Vec<impl Into<OwnedFd>>, names: &str) -> Self {
        Self::program(&[demonstration_server()], sockets, names)
    }

    /// Another program, with its arguments, in the server's place.
    pub fn program(words: &[&str], sockets: Vec<impl Into<OwnedFd>>, names: &str) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", ACTIVATE]).args(words);
        let mut launch = Self {
            command,
            address: None,
        };
        launch.clean();
        let count = sockets.len();
        let mut sockets = sockets.into_iter().map(|socket| Stdio::from(socket.into()));
        launch.command.stdin(sockets.next().unwrap());
        launch
            .command
            .stdout(sockets.next().unwrap_or(Stdio::null()));
        let launch = launch
            .set("LISTEN_FDS", &count.to_string())
            .set("PORT", "0");
        if names.is_empty() {
            launch
        } else {
            launch.set("LISTEN_FDNAMES", names)
        }
    }

    /// Activated with one socket named `app`, as in production.
    pub fn on(listener: &TcpListener) -> Self {
        Self::program_on(&[demonstration_server()], listener)
    }

    /// The same for another program.
    pub fn program_on(words: &[&str], listener: &TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let mut launch = Self::program(words, vec![listener.try_clone().unwrap()], "app");
        launch.address = Some(address);
        launch
    }

    fn clean(&mut self) {
        for variable in OURS {
            self.command.env_remove(variable);
        }
        self.command.stderr(Stdio::piped());
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Allows an activated server this many open descriptors.
    pub fn open_files(self, limit: u32) -> Self {
        self.set("OPEN_FILES", &limit.to_string())
    }

    pub fn notifying(self, notifications: &Notifications) -> Self {
        self.set("NOTIFY_SOCKET", notifications.path().to_str().unwrap())
    }

    /// Starts it, and waits for nothing.
    pub fn spawn(mut self) -> Server {
        let mut child = self.command.spawn().unwrap();
        // The sockets are the child's alone now.
        drop(self.command);
        let stderr = lines(child.stderr.take().unwrap());
        Server {
            child,
            stderr,
            address: self.address,
        }
    }

    /// Starts it, and waits until it serves.
    pub fn serving(self) -> Server {
        let mut server = self.spawn();
        if server.address.is_none() {
            server.address = Some(server.listening_address());
        }
        assert_eq!(Client::connect(server.address()).get("/health").status, 200);
        server
    }
}

/// A running server; killed when it is dropped.
pub struct Server {
    child: Child,
    stderr: Receiver<String>,
    address: Option<SocketAddr>,
}

impl Server {
    pub fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// From the line that a server prints that was not activated.
    pub fn listening_address(&mut self) -> SocketAddr {
        let line = self.stderr_line();
        let address = line.trim().strip_prefix("flipless: listening on http://");
        address
            .unwrap_or_else(|| panic!("{line:?}"))
            .parse()
            .unwrap()
    }

    /// The next line of standard error.
    pub fn stderr_line(&mut self) -> String {
        self.stderr
            .recv_timeout(LIMIT)
            .expect("a line on standard error")
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end; gives the status and what is left of standard error.
    pub fn exit(&mut self) -> (ExitStatus, String) {
        let status = wait_for("the server's end", || self.child.try_wait().unwrap());
        (status, self.stderr.iter().collect())
    }

    /// The flags of an open descriptor.
    pub fn fd_flags(&self, fd: u32) -> u32 {
        let info = fs::read_to_string(format!("/proc/{}/fdinfo/{fd}", self.pid())).unwrap();
        let flags = info
            .lines()
            .find_map(|line| line.strip_prefix("flags:"))
            .unwrap();
        u32::from_str_radix(flags.trim(), 8).unwrap()
    }
}

/// The lines of a stream, so that one can be waited for with a limit.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).is_ok_and(|length| length > 0)
            && sender.send(std::mem::take(&mut line)).is_ok()
        {}
    });
    receiver
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
