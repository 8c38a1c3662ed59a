//! Commands, signals and clocks: the part of [`super::System`] that a test replaces.

use std::path::Path;
use std::process::Output;
use std::{fs, io};

/// Every effect and input of the agent that is not a file below the root.
pub trait Commands {
    /// See [`super::System::run`].
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Output>;
    /// See [`super::System::signal`].
    fn signal(&self, pid: u32, signal: Signal) -> io::Result<()>;
    /// Identifies this boot (`/proc/sys/kernel/random/boot_id`).
    fn boot_id(&self) -> io::Result<String>;
    /// Seconds since boot, including suspended time. A change of the clock does not affect them
    /// (clock_gettime(2)).
    fn uptime(&self) -> u64;
    /// Seconds since 1970, for display only.
    fn unix_time(&self) -> u64;
    /// The agent's own executable (proc(5)).
    fn executable(&self) -> io::Result<Vec<u8>> {
        fs::read("/proc/self/exe")
    }
    /// See [`super::System::keep_descriptor`]. The error is `Unsupported` if systemd takes none from this process.
    fn keep_descriptor(&self, pid: u32, descriptor: i32) -> io::Result<()>;
    /// See [`super::System::drop_descriptors`].
    fn drop_descriptors(&self) -> io::Result<()>;
    /// Called before and after every effect, with its name. A test can kill the agent here.
    fn crash_point(&self, _effect: &str) {}
    /// Called before every change of a file, with the name of the effect and the path. A test can let the change
    /// fail here, as a full or read-only disk would.
    fn fault(&self, _effect: &str, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// The signals that the agent sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: nginx loads its configuration again.
    Hangup,
    /// SIGQUIT: nginx finishes its open requests and ends.
    Quit,
    /// SIGKILL: the kernel ends the process at once.
    Kill,
}
