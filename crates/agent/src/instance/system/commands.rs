//! Commands, signals and clocks: the part of the seam that a test replaces.

use std::path::Path;
use std::process::Output;
use std::{fs, io};

/// What leaves the process other than to a file.
pub trait Commands {
    /// See [`super::System::run`].
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Output>;
    /// See [`super::System::signal`].
    fn signal(&self, pid: u32, signal: Signal) -> io::Result<()>;
    /// Identifies this boot (`/proc/sys/kernel/random/boot_id`).
    fn boot_id(&self) -> io::Result<String>;
    /// Seconds since boot, suspended time included: no clock change moves it (clock_gettime(2)).
    fn uptime(&self) -> u64;
    /// Seconds since 1970, for people.
    fn unix_time(&self) -> u64;
    /// The agent's own executable (proc(5)).
    fn executable(&self) -> io::Result<Vec<u8>> {
        fs::read("/proc/self/exe")
    }
    /// Called before and after every effect, with its name: a test ends the agent here.
    fn crash_point(&self, _effect: &str) {}
    /// Called before a change of a file, with its name and the path: a test fails it here, as a full or a
    /// read-only disk does.
    fn fault(&self, _effect: &str, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// The signals the agent sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// nginx: load the configuration anew.
    Hangup,
    /// nginx: finish what has begun, then end.
    Quit,
    /// The kernel: end at once.
    Kill,
}
