//! The server: a child process with a port of its own.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Context, Result};
use flipless_settings::layout;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a server may take to end when nobody waits for it: below what the unit's TimeoutStopSec=
/// adds to the drain.
const END: Duration = Duration::from_secs(5);
/// A running server. Dropped, it is killed.
pub struct Server(Child);

impl Server {
    /// Starts it.
    pub fn start(program: &OsString, arguments: &[OsString], port: u16) -> Result<Self> {
        // Marks the listener to be closed in the child.
        let _ = sd_notify::listen_fds().context("the inherited listener")?;
        let mut command = Command::new(program);
        command.args(arguments).kill_on_drop(true);
        // The relay's own: a server that saw it would take the shared listener, or answer systemd.
        layout::OF_SYSTEMD.iter().for_each(|name| {
            command.env_remove(name);
        });
        let child = command.env("PORT", port.to_string()).spawn();
        let child = child.with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self(child))
    }

    /// Waits until it ends by itself, and says how.
    pub async fn ended(&mut self) -> String {
        match self.0.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// Ends it: politely, for as long as that takes sense.
    pub async fn stop(mut self) -> Result<()> {
        let pid = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            // One that has just ended is what is wanted.
            let _ = kill_process(pid, Signal::TERM);
        }
        if timeout(END, self.0.wait()).await.is_err() {
            self.0.kill().await?;
        }
        Ok(())
    }
}
