//! The real [`Commands`] of an instance.

use std::fs;
use std::io;
use std::process::{Command, Output, Stdio};

use super::commands::{Commands, Signal};

mod store;

/// The whole environment of the programs that the agent runs as root. A hook's environment contains the
/// environment properties. A property such as PATH, or one that affects systemctl or nginx, must not reach these
/// programs.
const ENVIRONMENT: [(&str, &str); 3] = [
    ("HOME", "/root"),
    ("LC_ALL", "C"),
    ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
];

/// The instance's own commands.
pub struct RealCommands;

impl Commands for RealCommands {
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Output> {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(ENVIRONMENT);
        command.stdin(Stdio::null()).output()
    }

    fn signal(&self, pid: u32, signal: Signal) -> io::Result<()> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        let pid = i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let signal = match signal {
            Signal::Hangup => rustix::process::Signal::HUP,
            Signal::Quit => rustix::process::Signal::QUIT,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        Ok(rustix::process::kill_process(
            pid.ok_or_else(invalid)?,
            signal,
        )?)
    }

    fn keep_descriptor(&self, sender: u32, of: (u32, i32), name: &str) -> io::Result<()> {
        store::keep(sender, of, name)
    }

    fn drop_descriptor(&self, sender: u32, name: &str) -> io::Result<()> {
        store::forget(sender, name)
    }

    fn boot_id(&self) -> io::Result<String> {
        Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
            .trim()
            .to_owned())
    }

    fn uptime(&self) -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        u64::try_from(now.tv_sec).unwrap_or_default()
    }

    fn unix_time(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map(|elapsed| elapsed.as_secs()).unwrap_or_default()
    }
}
