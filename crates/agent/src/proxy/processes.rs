//! nginx's processes, as /proc shows them (proc(5)).

use std::fs;

use anyhow::{Context, Result};

struct Process {
    pid: u32,
    parent: u32,
    title: String,
}

/// The workers of `master` that take connections. One that a reload replaced says so in its title.
pub fn workers(master: u32) -> Result<Vec<u32>> {
    let ours = |process: &Process| {
        process.parent == master
            && process.title.starts_with("nginx: worker process")
            && !process.title.contains("is shutting down")
    };
    Ok(all()?
        .into_iter()
        .filter(ours)
        .map(|process| process.pid)
        .collect())
}

/// nginx processes in the unit of `master` that are not its children: a killed master left them.
pub fn orphans(master: u32) -> Result<Vec<u32>> {
    let unit = cgroup(master).context("cannot read nginx's control group")?;
    let orphan = |process: &Process| {
        process.pid != master
            && process.parent != master
            && process.title.starts_with("nginx:")
            && cgroup(process.pid).is_some_and(|other| other == unit)
    };
    Ok(all()?
        .into_iter()
        .filter(orphan)
        .map(|process| process.pid)
        .collect())
}

fn all() -> Result<Vec<Process>> {
    let folder = fs::read_dir("/proc").context("cannot list /proc")?;
    let pids = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // A process that ends meanwhile is one that is not there.
    Ok(pids.filter_map(process).collect())
}

fn process(pid: u32) -> Option<Process> {
    let title = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let title = String::from_utf8_lossy(&title).replace('\0', " ");
    let parent = parent(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
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

fn cgroup(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()
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
