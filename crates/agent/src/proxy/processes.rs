//! Finds nginx's processes in /proc (proc(5)).

use std::time::Duration;

use anyhow::{Context, Result};

use crate::instance::system::System;

struct Process {
    pid: u32,
    parent: u32,
    title: String,
}

/// Returns the workers of `master` that accept connections. The title of a worker that a reload has replaced says
/// that it is shutting down.
pub fn workers(system: &System, master: u32) -> Result<Vec<u32>> {
    let ours = |process: &Process| {
        process.parent == master
            && process.title.starts_with("nginx: worker process")
            && !process.title.contains("is shutting down")
    };
    Ok(pids(all(system)?, ours))
}

/// Returns the workers that a killed master has left: nginx processes in the control group of `pid` that are
/// neither `pid` nor its children.
pub fn orphans(system: &System, pid: u32) -> Result<Vec<u32>> {
    let unit = cgroup(system, pid).context("cannot read nginx's control group")?;
    let orphan = |process: &Process| {
        process.pid != pid
            && process.parent != pid
            && process.title.starts_with("nginx:")
            && cgroup(system, process.pid).is_some_and(|other| other == unit)
    };
    Ok(pids(all(system)?, orphan))
}

/// Returns when the process started, as the time since the boot. `starttime` is the 22nd field of its `stat`, in
/// hundredths of a second (proc_pid_stat(5)).
pub fn start(system: &System, pid: u32) -> Option<Duration> {
    let stat = system.read(format!("/proc/{pid}/stat")).ok().flatten()?;
    let ticks: u64 = field(&String::from_utf8_lossy(&stat), 22)?.parse().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// Returns whether the process runs. A zombie has no command line.
pub fn is_running(system: &System, pid: u32) -> bool {
    process(system, pid).is_some_and(|process| !process.title.trim().is_empty())
}

fn pids(processes: Vec<Process>, wanted: impl Fn(&Process) -> bool) -> Vec<u32> {
    let wanted = processes.into_iter().filter(wanted);
    wanted.map(|process| process.pid).collect()
}

fn all(system: &System) -> Result<Vec<Process>> {
    let names = system.names("/proc")?;
    let pids = names.iter().filter_map(|name| name.parse().ok());
    // Leaves out a process that ends before its files are read.
    Ok(pids.filter_map(|pid| process(system, pid)).collect())
}

fn process(system: &System, pid: u32) -> Option<Process> {
    let read = |file| system.read(format!("/proc/{pid}/{file}")).ok().flatten();
    let title = String::from_utf8_lossy(&read("cmdline")?).replace('\0', " ");
    let parent = parent(&String::from_utf8_lossy(&read("stat")?))?;
    Some(Process { pid, parent, title })
}

fn parent(stat: &str) -> Option<u32> {
    field(stat, 4)?.parse().ok()
}

/// Returns a field of `stat`, from the third one on. The second field, in parentheses, may contain spaces and
/// parentheses.
fn field(stat: &str, number: usize) -> Option<&str> {
    let fields = stat.rsplit_once(')')?.1;
    fields.split_whitespace().nth(number.checked_sub(3)?)
}

fn cgroup(system: &System, pid: u32) -> Option<Vec<u8>> {
    system.read(format!("/proc/{pid}/cgroup")).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parent("17 (nginx) S 4 17 17 0"), Some(4));
        assert_eq!(parent("17 (a b) c) S 4 17 17 0"), Some(4));
        assert_eq!(parent("17"), None);
    }
}
