//! Starts a peer as a process, and waits until it serves.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::load::Connection;
use crate::peer::Kind;
use crate::process::{Process, bound, wait_for};

/// A running server.
pub struct Server {
    pub process: Process,
    pub address: SocketAddr,
}

impl Server {
    /// Starts a peer on a free port.
    ///
    /// # Errors
    /// If the peer does not serve in time.
    pub fn start(kind: Kind, threads: usize) -> anyhow::Result<Self> {
        Self::start_under(&[], kind, threads)
    }

    /// Does the same, but starts the peer through a program such as valgrind.
    ///
    /// # Errors
    /// If the peer does not serve in time.
    pub fn start_under(program: &[&str], kind: Kind, threads: usize) -> anyhow::Result<Self> {
        let port = free_port()?;
        let exe = std::env::current_exe()?;
        let mut words = program.iter().map(Into::into).chain([exe.into_os_string()]);
        let mut command = bound(words.next().unwrap_or_default());
        command.args(words).args(["peer", kind.word()]);
        command.args([port.to_string(), threads.to_string()]);
        Self::launch(&mut command, port)
    }

    /// Starts a program that serves on this port.
    ///
    /// # Errors
    /// If the program does not serve in time.
    pub fn launch(command: &mut Command, port: u16) -> anyhow::Result<Self> {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = Process(command.spawn().context("cannot start a server")?);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        wait_for("answer of a server", || {
            anyhow::ensure!(process.0.try_wait()?.is_none(), "the server has ended");
            Ok(Connection::open(address)
                .and_then(|mut open| open.request())
                .ok())
        })?;
        Ok(Self { process, address })
    }
}

/// Passes standard input on as descriptor 3, as systemd passes a socket (sd_listen_fds(3)).
const ACTIVATE: &str = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1; export LISTEN_PID LISTEN_FDS; exec \"$0\" \"$@\"";

impl Server {
    /// Starts a server with the library on an inherited listener, and does not wait until it serves. The server sends
    /// its notifications to the socket at `notify`.
    ///
    /// # Errors
    /// If the shell can't be started.
    pub fn inheriting(
        listener: &TcpListener,
        notify: &Path,
        threads: usize,
    ) -> anyhow::Result<Self> {
        let mut command = bound("/bin/sh");
        command.args(["-c", ACTIVATE]).arg(std::env::current_exe()?);
        command
            .args(["peer", Kind::Flipless.word(), "0"])
            .arg(threads.to_string());
        command
            .env("NOTIFY_SOCKET", notify)
            .env("FLIPLESS_DRAIN_SECONDS", "120");
        command
            .stdin(OwnedFd::from(listener.try_clone()?))
            .stdout(Stdio::null());
        let child = command.stderr(Stdio::null()).spawn();
        let process = Process(child.context("cannot start a server")?);
        Ok(Self {
            process,
            address: listener.local_addr()?,
        })
    }
}

/// Returns a port that is free now.
///
/// # Errors
/// If no port is free.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
