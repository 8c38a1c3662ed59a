//! nginx's processes, as /proc shows them (proc(5)).

use anyhow::{Context, Result};

use crate::instance::system::System;

struct Process {
    pid: u32,
    parent: u32,
    title: String,
}

/// The workers of `master` that take connections. One that a reload replaced says so in its title.
pub fn workers(system: &System, master: u32) -> Result<Vec<u32>> {
    let ours = |process: &Process| {
        process.parent == master
            && process.title.starts_with("nginx: worker process")
            && !process.title.contains("is shutting down")
    };
    Ok(pids(all(system)?, ours))
}

/// nginx processes in the control group of `pid` that are neither it nor its children: a killed master left
/// them.
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

/// Whether the process is there and runs: one that ended and was not waited for has no command line.
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
    // A process that ends meanwhile is one that is not there.
    Ok(pids.filter_map(|pid| process(system, pid)).collect())
}

fn process(system: &System, pid: u32) -> Option<Process> {
    let read = |file| system.read(format!("/proc/{pid}/{file}")).ok().flatten();
    let title = String::from_utf8_lossy(&read("cmdline")?).replace('\0', " ");
    let parent = parent(&String::from_utf8_lossy(&read("stat")?))?;
    Some(Process { pid, parent, title })
}

/// The fourth field; the second, in parentheses, may hold spaces and parentheses.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
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
