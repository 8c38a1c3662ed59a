//! Starts a server as systemd would, and kills it at the latest when the test ends.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use super::notify::Notifications;
use super::{LIMIT, client::Client, wait_for};

/// Passes standard input and output on as descriptors 3 and 4. Without unsafe code, a test can hand sockets
/// to a child only as standard streams.
const ACTIVATE: &str = r#"
exec 3<&0 4<&1 </dev/null >/dev/null
LISTEN_PID=${LISTEN_PID-$$}; export LISTEN_PID
[ -z "$OPEN_FILES" ] || ulimit -n "$OPEN_FILES"
exec "$0" "$@"
"#;

/// Variables of the test's own process that must not reach the server.
const OURS: [&str; 8] = [
    "PORT",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "FLIPLESS_HEALTH_LOG",
    "FLIPLESS_HOLD",
];

/// How to start a server.
pub struct Launch {
    command: Command,
    address: Option<SocketAddr>,
}

impl Launch {
    /// Prepares a launch of this program, which inherits no socket and binds a free port.
    pub fn plain(program: &str) -> Self {
        let mut launch = Self {
            command: Command::new(program),
            address: None,
        };
        launch.clean();
        launch.set("PORT", "0")
    }

    /// Prepares a launch of a program with its arguments. The program inherits one or two listening sockets, and gets
    /// `names` as `LISTEN_FDNAMES`.
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

    /// Does the same as [`Self::program`] with one socket named `app`, as on an instance.
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

    /// Limits the number of open descriptors of a server that inherits its sockets.
    pub fn open_files(self, limit: u32) -> Self {
        self.set("OPEN_FILES", &limit.to_string())
    }

    pub fn notifying(self, notifications: &Notifications) -> Self {
        self.set("NOTIFY_SOCKET", notifications.path().to_str().unwrap())
    }

    /// Starts the server, and does not wait.
    pub fn spawn(mut self) -> Server {
        let mut child = self.command.spawn().unwrap();
        // Closes this process's copies of the sockets.
        drop(self.command);
        let stderr = lines(child.stderr.take().unwrap());
        Server {
            child,
            stderr,
            address: self.address,
        }
    }

    /// Starts the server, and waits until it serves.
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

    /// Waits for the line that a server without inherited sockets prints, and returns the address in it.
    pub fn listening_address(&mut self) -> SocketAddr {
        let line = self.stderr_line();
        let address = line.trim().strip_prefix("flipless: listening on http://");
        address
            .unwrap_or_else(|| panic!("{line:?}"))
            .parse()
            .unwrap()
    }

    /// Waits for the next line of standard error, and returns it.
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

    /// Waits until the server ends. Returns the status and the unread rest of standard error.
    pub fn exit(&mut self) -> (ExitStatus, String) {
        let status = wait_for("the server's end", || self.child.try_wait().unwrap());
        (status, self.stderr.iter().collect())
    }

    /// Returns the flags of an open descriptor.
    pub fn fd_flags(&self, fd: u32) -> u32 {
        let info = fs::read_to_string(format!("/proc/{}/fdinfo/{fd}", self.pid())).unwrap();
        let flags = info
            .lines()
            .find_map(|line| line.strip_prefix("flags:"))
            .unwrap();
        u32::from_str_radix(flags.trim(), 8).unwrap()
    }
}

/// Sends the lines of a stream through a channel, so that a test can wait for a line with a time limit.
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
