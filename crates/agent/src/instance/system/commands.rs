//! Commands, signals and clocks: the part of [`super::System`] that a test replaces.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, SystemTime};
use std::{fs, io};

/// Every effect and input of the agent that is not a file below the root.
pub trait Commands {
    /// See [`super::System::run`].
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Output>;
    /// See [`super::System::signal`].
    fn signal(&self, pid: u32, signal: Signal) -> io::Result<()>;
    /// Returns the id of this boot (`/proc/sys/kernel/random/boot_id`).
    fn boot_id(&self) -> io::Result<String>;
    /// Returns the seconds since boot, including suspended time. A change of the clock does not affect them
    /// (clock_gettime(2)).
    fn uptime(&self) -> u64;
    /// Returns the seconds since 1970, for display and for decisions about certificates.
    fn unix_time(&self) -> u64;
    /// Returns the current time on two clocks: since boot, as in the start time of a process, and the wall clock, as in
    /// the times of a file.
    fn moment(&self) -> (Duration, SystemTime) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let since_boot = Duration::try_from(now).unwrap_or_default();
        (since_boot, SystemTime::now())
    }
    /// Returns the content of the agent's own executable (proc(5)).
    fn executable(&self) -> io::Result<Vec<u8>> {
        fs::read("/proc/self/exe")
    }
    /// See [`super::System::keep_descriptor`].
    fn keep_descriptor(&self, sender: u32, of: (u32, i32), name: &str) -> io::Result<()>;
    /// See [`super::System::drop_descriptor`].
    fn drop_descriptor(&self, sender: u32, name: &str) -> io::Result<()>;
    /// Called before and after every effect, with its name. A test can kill the agent here.
    fn crash_point(&self, _effect: &str) {}
    /// Called before every change of a file, with the name of the effect and the path. A test can make the change
    /// fail here, as on a full or read-only disk.
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
