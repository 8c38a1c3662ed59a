//! The descriptors and the memory of long-lived processes. They must not grow with every deployment.

use std::fs;
use std::path::Path;

use super::fault::Victim;
use super::processes;

/// How many more descriptors than at the beginning are allowed.
const DESCRIPTORS: usize = 8;
/// How much more memory than at the beginning is allowed: about 20 KiB for each of 200 deployments.
const MEMORY_KIB: usize = 4096;

/// The resources of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub descriptors: usize,
    pub memory_kib: usize,
}

/// PID 1 and the front's master, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resources {
    pub pid_1: Held,
    pub front: Option<Held>,
}

impl Resources {
    pub fn of(root: &Path) -> Self {
        let front = processes::find(root, Victim::Nginx);
        Self {
            pid_1: held(root, 1),
            front: front.first().map(|master| held(root, master.pid)),
        }
    }

    /// Describes every resource that has grown beyond its limit; empty if there is none.
    pub fn grown_to(&self, after: &Self) -> String {
        let mut grown = vec![("PID 1", self.pid_1, after.pid_1)];
        let fronts = self.front.zip(after.front);
        grown.extend(fronts.map(|(before, after)| ("nginx's master", before, after)));
        grown.retain(|(_, before, after)| {
            after.descriptors > before.descriptors + DESCRIPTORS
                || after.memory_kib > before.memory_kib + MEMORY_KIB
        });
        let said = grown
            .iter()
            .map(|(name, before, after)| format!("{name} has {after:?}, but had {before:?}"));
        said.collect::<Vec<_>>().join("; ")
    }
}

fn held(root: &Path, pid: u32) -> Held {
    let folder = root.join("proc").join(pid.to_string());
    let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
    Held {
        descriptors: fs::read_dir(folder.join("fd")).map_or(0, Iterator::count),
        memory_kib: resident(&status),
    }
}

fn resident(status: &str) -> usize {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let words = line.and_then(|line| line.split_whitespace().next());
    words.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_within_the_limits_is_none() {
        let resources = |descriptors, memory_kib| Resources {
            pid_1: Held {
                descriptors,
                memory_kib,
            },
            front: None,
        };
        let before = resources(80, 12_000);
        assert_eq!(before.grown_to(&resources(85, 14_000)), "");
        assert!(
            before
                .grown_to(&resources(200, 12_000))
                .starts_with("PID 1 has")
        );
        assert!(!before.grown_to(&resources(80, 20_000)).is_empty());
    }

    #[test]
    fn the_memory_is_what_is_resident() {
        assert_eq!(resident("VmSize:\t 9 kB\nVmRSS:\t   5120 kB\n"), 5120);
        assert_eq!(resident(""), 0);
    }

    #[test]
    fn this_process_has_something() {
        let held = held(Path::new("/"), std::process::id());
        assert!(held.descriptors > 0 && held.memory_kib > 0, "{held:?}");
    }
}
