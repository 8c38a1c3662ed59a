//! The agent of a real bundle: the stand-ins use little memory, and end when EB stops them.
#![allow(clippy::unwrap_used)]

use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, fs};

/// The largest resident size of a stand-in, in KiB.
const LIMIT_KIB: u64 = 1280;
const PATIENCE: Duration = Duration::from_secs(10);

/// Returns the path of the agent in a bundle that `cargo xtask dist` has built.
fn agent() -> &'static Path {
    static AGENT: OnceLock<PathBuf> = OnceLock::new();
    AGENT.get_or_init(|| {
        // A static is never dropped, so a temporary folder would stay. This folder is in the target directory, and
        // each test run empties it.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stand-in");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let cargo = env::var_os("CARGO").unwrap();
        let dist = Command::new(cargo)
            .args(["xtask", "dist", "--out"])
            .arg(&folder)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(
            dist.status.success(),
            "{}",
            String::from_utf8_lossy(&dist.stderr)
        );
        let zip = String::from_utf8(dist.stdout).unwrap();
        let unzip = Command::new("unzip")
            .args(["-q", zip.trim_end(), "bin/flipless", "-d"])
            .arg(&folder)
            .status()
            .expect("unzip is needed: `apt-get install unzip`");
        assert!(unzip.success());
        folder.join("bin/flipless")
    })
}

/// A child process that ends with its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    fn stand_in(name: &str) -> Self {
        let process = Self::start(Command::new(agent()).args(["stand-in", name]));
        process.wait_until("it handles every stop signal", Self::handles_stop_signals);
        process
    }

    fn status(&self, field: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    }

    /// Returns whether the process has a handler for a signal. SigCgt is a bit mask in hexadecimal, and its lowest bit
    /// is for signal 1 (proc_pid_status(5)).
    fn handles(&self, signal: u32) -> bool {
        u64::from_str_radix(&self.status("SigCgt"), 16).unwrap_or(0) & (1 << (signal - 1)) != 0
    }

    /// Returns whether the process has handlers for SIGINT, SIGQUIT and SIGTERM. A stand-in installs them one after the
    /// other.
    fn handles_stop_signals(&self) -> bool {
        [2, 3, 15].into_iter().all(|signal| self.handles(signal))
    }

    fn asleep(&self) -> bool {
        self.status("State").starts_with('S')
    }

    fn resident_kib(&self) -> u64 {
        self.status("VmRSS")
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    }

    fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            std::thread::yield_now();
        }
    }

    /// Sends a signal by its `kill` name. Returns the exit status of the process.
    fn stop(mut self, signal: &str) -> std::process::ExitStatus {
        let pid = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        self.0.wait().unwrap()
    }
}

#[test]
fn a_stand_in_uses_less_memory_than_sleep_and_at_most_the_limit() {
    let stand_in = Process::stand_in("web");
    let sleep = Process::start(Command::new("sleep").arg("infinity"));
    let runs_sleep = |process: &Process| process.status("Name") == "sleep" && process.asleep();
    sleep.wait_until("sleep sleeps", runs_sleep);
    stand_in.wait_until("the stand-in waits", Process::asleep);
    let (ours, theirs) = (stand_in.resident_kib(), sleep.resident_kib());
    println!("stand-in {ours} KiB, sleep {theirs} KiB");
    assert!(ours < theirs, "stand-in {ours} KiB, sleep {theirs} KiB");
    assert!(ours <= LIMIT_KIB, "stand-in {ours} KiB");
}

#[test]
fn every_signal_that_stops_a_service_is_a_clean_end() {
    for signal in ["TERM", "INT", "QUIT"] {
        let status = Process::stand_in("web").stop(signal);
        assert_eq!(
            (status.code(), status.signal()),
            (Some(0), None),
            "SIG{signal}"
        );
    }
}

/// For example, a rotation of logs calls `kill -USR1 $(cat /var/pids/nginx.pid)`.
#[test]
fn a_signal_that_does_not_stop_nginx_or_a_server_leaves_a_stand_in_running() {
    for name in ["nginx", "web"] {
        let stand_in = Process::stand_in(name);
        let pid = stand_in.0.id().to_string();
        for signal in ["USR1", "USR2", "HUP", "WINCH"] {
            let sent = Command::new("kill").args(["-s", signal, &pid]).status();
            assert!(sent.unwrap().success(), "SIG{signal} to {name}");
        }
        // The kernel delivers these signals before SIGTERM, because their numbers are lower.
        let status = stand_in.stop("TERM");
        assert_eq!((status.code(), status.signal()), (Some(0), None), "{name}");
    }
}

#[test]
fn the_nginx_stand_in_says_when_it_is_ready_and_the_web_stand_in_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let start = |name| {
        let mut command = Command::new(agent());
        Process::start(command.args(["stand-in", name]).env("NOTIFY_SOCKET", &path))
    };
    let web = start("web");
    web.wait_until("the web stand-in waits", |process| {
        process.handles_stop_signals() && process.asleep()
    });
    let nginx = start("nginx");
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut message = [0; 64];
    let length = socket.recv(&mut message).unwrap();
    assert_eq!(
        message[..length].trim_ascii(),
        b"READY=1",
        "a message from web would have come first"
    );
    for signal in [1, 3, 10, 12] {
        assert!(
            nginx.handles(signal),
            "ready means: signal {signal} is handled"
        );
    }
}

#[test]
fn the_web_stand_in_listens_nowhere() {
    let stand_in = Process::stand_in("web");
    let descriptors = fs::read_dir(format!("/proc/{}/fd", stand_in.0.id())).unwrap();
    let tcp = fs::read_to_string("/proc/net/tcp").unwrap();
    for descriptor in descriptors {
        let target = fs::read_link(descriptor.unwrap().path()).unwrap();
        let target = target.to_string_lossy().into_owned();
        let Some(inode) = target
            .strip_prefix("socket:[")
            .and_then(|t| t.strip_suffix(']'))
        else {
            continue;
        };
        assert!(
            !tcp.lines().any(|line| line.contains(inode)),
            "{target} is a TCP socket"
        );
    }
}

#[test]
fn misuse_exits_with_2_and_says_how_to_do_it() {
    for words in [&["stand-in", "httpd"][..], &["satge"], &["status", "--jsn"]] {
        let output = Command::new(agent()).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.starts_with("error: ") && said.contains("hint: "),
            "{said}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_agent_is_one_static_executable() {
    let output = Command::new(agent())
        .arg("--help")
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("Usage: flipless COMMAND")
    );
    let stand_in = Process::stand_in("web");
    let maps = fs::read_to_string(format!("/proc/{}/maps", stand_in.0.id())).unwrap();
    let libraries: Vec<&str> = maps.lines().filter(|line| line.contains(".so")).collect();
    assert!(libraries.is_empty(), "{libraries:?}");
}
