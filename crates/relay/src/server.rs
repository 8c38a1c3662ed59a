//! The server: a child process of the relay, with a port of its own.

use std::time::Duration;

use anyhow::{Context, Result};
use flipless_settings::layout;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::command_line::CommandLine;

/// How long the server may take to end after SIGTERM. This time is shorter than the 15 s by which the unit's
/// TimeoutStopSec= is longer than the drain.
const END: Duration = Duration::from_secs(5);

/// How often the relay looks for the server's other processes after the first process has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The running server; dropping this value kills it.
pub struct ServerProcess {
    /// The process that the relay has started: the server, or a shell that has started the server.
    first: Child,
    /// The process group of all the server's processes; `None` after [`Self::all_ended`] has seen their end. While the
    /// group has a member, the kernel gives its number to no new process (alloc_pid in the kernel's pid.c). So a signal
    /// to the group reaches no other process.
    group: Option<Pid>,
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl ServerProcess {
    /// Starts the server with this port.
    pub fn start(line: &CommandLine, port: u16) -> Result<Self> {
        // Sets close-on-exec on the listener, so that the child does not inherit it.
        let _ = sd_notify::listen_fds().context("cannot use the inherited listener")?;
        let port = port.to_string();
        let mut command = Command::new(&line.program);
        // The server may be a shell with a child. So the server gets a process group of its own, and a stop signals
        // the whole group. EB's own unit also signals all its processes (KillMode=control-group, systemd.kill(5)).
        command.args(line.arguments(&port)).process_group(0);
        // These variables are for the relay. A server that saw them could take the shared listener, send messages
        // to systemd, wait for the flip before it is healthy, or log each request a second time.
        let ours = ["FLIPLESS_HOLD", "FLIPLESS_HEALTH_LOG"];
        layout::OF_SYSTEMD.iter().chain(&ours).for_each(|name| {
            command.env_remove(name);
        });
        command.envs(line.variables(&port)).env("PORT", port);
        let first = command.spawn();
        let first = first.with_context(|| format!("cannot start {}", line.program.display()))?;
        let group = first.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self { first, group })
    }

    /// Waits until the first process ends, and describes how it ended.
    pub async fn ended(&mut self) -> String {
        match self.first.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// Sends SIGTERM, and kills the processes that do not end in time.
    pub async fn stop(mut self) -> Result<()> {
        self.signal(Signal::TERM);
        if timeout(END, self.all_ended()).await.is_err() {
            self.signal(Signal::KILL);
            self.first.wait().await?;
        }
        Ok(())
    }

    /// Waits for the end of all processes. SIGTERM ends a shell at once, but its child may still have work to finish.
    /// If the relay ended before the child, systemd would kill the child.
    async fn all_ended(&mut self) {
        self.ended().await;
        while self.group.is_some_and(has_members) {
            sleep(LOOK_AGAIN).await;
        }
        self.group = None;
    }

    /// Sends a signal to all processes of the server.
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // This call fails only if all processes have just ended.
            let _ = kill_process_group(group, signal);
        }
    }
}

/// Returns whether a process of the group exists. A zombie counts, too (kill(2)).
fn has_members(group: Pid) -> bool {
    test_kill_process_group(group).is_ok()
}
