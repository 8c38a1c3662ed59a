//! Finds processes of the instance, and kills them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use flipless_settings::layout;
use rustix::process::{Signal, pidfd_send_signal};
use serde_json::Value;

use super::fault::Victim;

/// A process of the instance.
#[derive(Debug)]
pub(super) struct Process {
    pub pid: u32,
    /// The process's folder in the instance's `/proc`.
    folder: PathBuf,
    file: File,
}

impl Process {
    fn open(proc: &Path, pid: u32) -> Option<Self> {
        let folder = proc.join(pid.to_string());
        let file = File::open(&folder).ok()?;
        Some(Self { pid, folder, file })
    }

    fn text(&self, name: &str) -> String {
        let bytes = fs::read(self.folder.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends SIGKILL. An open folder of `/proc` works like a pidfd (pidfd_send_signal(2)), so the signal can't reach
    /// another process that reuses the pid.
    pub fn kill(&self) -> io::Result<()> {
        Ok(pidfd_send_signal(&self.file, Signal::KILL)?)
    }

    /// Returns whether the process runs. A zombie does not.
    pub fn is_alive(&self) -> bool {
        let stat = self.text("stat");
        let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        !state.is_empty() && !state.starts_with(['Z', 'X'])
    }
}

/// Returns the processes that match `victim` at this moment.
pub(super) fn find(root: &Path, victim: Victim) -> Vec<Process> {
    let proc = root.join("proc");
    let entries = fs::read_dir(&proc).into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let all = pids.filter_map(|pid| Process::open(&proc, pid));
    match victim {
        Victim::Agent => all.filter(is_agent).collect(),
        Victim::Nginx => all.filter(is_master).collect(),
        Victim::Server | Victim::Staged => of_run(all, unit(root, victim)),
    }
}

fn of_run(all: impl Iterator<Item = Process>, unit: Option<String>) -> Vec<Process> {
    let Some(unit) = unit else {
        return Vec::new();
    };
    all.filter(|process| is_of(process, &unit)).collect()
}

/// Returns whether the process is an agent. The stand-ins run the same program, but do not count as agents. A child of
/// an agent counts as an agent until its exec.
fn is_agent(process: &Process) -> bool {
    process.text("comm").trim() == layout::AGENT_BIN && is_command(&process.text("cmdline"))
}

fn is_command(line: &str) -> bool {
    line.split('\0')
        .nth(1)
        .is_some_and(|word| word != "stand-in")
}

fn is_master(process: &Process) -> bool {
    process.text("comm").trim() == "nginx"
        && process.text("cmdline").starts_with("nginx: master")
        && process.text("cgroup").contains(layout::FRONT)
}

/// Returns whether the process belongs to this unit. Excludes the agent that records the end of the run.
fn is_of(process: &Process, unit: &str) -> bool {
    process.text("cgroup").contains(unit) && process.text("comm").trim() != layout::AGENT_BIN
}

/// Returns the unit of the current or the staged run in the agent's state; `None` for a victim that belongs to no run.
/// Reads the state file, because a call of the agent would add a process that looks like a victim.
pub(super) fn unit(root: &Path, victim: Victim) -> Option<String> {
    let run = match victim {
        Victim::Server => "/current/run",
        Victim::Staged => "/staged/run",
        Victim::Agent | Victim::Nginx => return None,
    };
    let text = fs::read(root.join(layout::STATE.trim_start_matches('/'))).ok()?;
    let state: Value = serde_json::from_slice(&text).ok()?;
    Some(layout::app_unit(state.pointer(run)?.as_str()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::machine::wait_for;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    #[test]
    fn a_stand_in_is_no_agent() {
        assert!(is_command("/opt/flipless/bin/flipless\0web-started\0"));
        assert!(!is_command("/opt/flipless/bin/flipless\0stand-in\0web\0"));
        assert!(!is_command("/opt/flipless/bin/flipless"));
    }

    #[test]
    fn a_killed_process_is_not_alive_even_before_its_parent_looks() {
        let mut child = Command::new("sleep")
            .arg("60")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let process = Process::open(Path::new("/proc"), child.id()).unwrap();
        assert!(process.is_alive());
        process.kill().unwrap();
        let gone = wait_for(Duration::from_secs(10), || {
            (!process.is_alive()).then_some(())
        });
        assert!(gone.is_some());
        child.wait().unwrap();
        assert!(!process.is_alive() && process.kill().is_err());
    }

    #[test]
    fn the_server_is_that_of_the_current_run() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(unit(root.path(), Victim::Server), None);
        let file = root.path().join(&layout::STATE[1..]);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, r#"{"current":{"run":"abc-7"},"staged":null}"#).unwrap();
        let found = unit(root.path(), Victim::Server).unwrap();
        assert_eq!(found, "flipless-app@abc-7.service");
        assert_eq!(unit(root.path(), Victim::Staged), None);
    }
}
