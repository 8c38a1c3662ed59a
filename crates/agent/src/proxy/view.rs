//! The files as a process sees them. The front has a mount namespace of its own: `PrivateTmp=`, and lines of a drop-in
//! such as `BindPaths=`, give it other files at some paths (systemd.exec(5)).

use std::ffi::OsString;
use std::fs::Metadata;
use std::path::{Component, Path, PathBuf};

use crate::instance::system::System;

/// How many links of a path are followed at most (MAXSYMLINKS in Linux's namei.h).
const MAX_LINKS: usize = 40;

/// The root of a process, as a path for the agent.
pub struct View<'a> {
    pub system: &'a System,
    root: PathBuf,
}

impl<'a> View<'a> {
    /// Returns the agent's own view, for a front that does not run, and for files that only the agent uses.
    pub fn own(system: &'a System) -> Self {
        let root = PathBuf::from("/");
        Self { system, root }
    }

    /// Returns the view of a process (proc_pid_root(5)), or the agent's own view if the kernel does not show the
    /// process's files.
    pub fn of(system: &'a System, pid: u32) -> Self {
        let root = PathBuf::from(format!("/proc/{pid}/root"));
        match system.locate(root.join("etc")).is_dir() {
            true => Self { system, root },
            false => Self::own(system),
        }
    }

    /// Returns where the agent finds the file of this path. The kernel would resolve an absolute link from the agent's
    /// root, so this function follows the links itself.
    pub fn place(&self, path: impl AsRef<Path>) -> PathBuf {
        let mut place = PathBuf::new();
        let mut links = 0;
        let mut ahead = parts(path.as_ref());
        while let Some(part) = ahead.pop() {
            if part == ".." {
                place.pop();
                continue;
            }
            let next = place.join(part);
            match self.system.link_target(self.root.join(&next)) {
                Some(target) if links < MAX_LINKS => {
                    links += 1;
                    if target.is_absolute() {
                        place.clear();
                    }
                    ahead.extend(parts(&target));
                }
                _ => place = next,
            }
        }
        self.root.join(place)
    }

    /// Returns the file's metadata; `None` if it can't be read.
    pub fn metadata(&self, path: impl AsRef<Path>) -> Option<Metadata> {
        self.system.locate(self.place(path)).metadata().ok()
    }

    /// Returns whether a regular file is at this path.
    pub fn is_file(&self, path: impl AsRef<Path>) -> bool {
        self.metadata(path).is_some_and(|file| file.is_file())
    }

    /// Returns a file's content; `None` if it can't be read.
    pub fn read(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.system.read(self.place(path)).ok().flatten()
    }
}

/// Returns the names in a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let names = path.components().rev().filter_map(|part| match part {
        Component::Normal(_) | Component::ParentDir => Some(part.as_os_str().to_owned()),
        _ => None,
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::Instance;

    #[test]
    fn a_process_has_its_own_files_also_behind_absolute_links() {
        let instance = Instance::new();
        let system = &instance.system;
        let put = |path: &str, text: &str| system.write(path, text.as_bytes(), 0o644).unwrap();
        let read = |view: &View, path: &str| {
            let content = view.read(path).unwrap_or_default();
            String::from_utf8(content).unwrap()
        };
        put("/tmp/a", "agent");
        put("/proc/77/root/etc/x", "");
        put("/proc/77/root/tmp/a", "front");
        for (target, link) in [
            ("/tmp", "tmp-absolute"),
            ("../tmp/../tmp", "etc/relative"),
            ("/etc/relative/./a", "chain"),
            ("loop", "loop"),
        ] {
            let link = format!("/proc/77/root/{link}");
            system.link(Path::new(target), link).unwrap();
        }
        let view = View::of(system, 77);
        for path in [
            "/tmp/a",
            "/tmp-absolute/a",
            "/etc/relative/a",
            "/chain",
            "/../tmp/a",
        ] {
            assert_eq!(read(&view, path), "front", "{path}");
        }
        assert!(!view.is_file("/loop") && !view.is_file("/missing/a"));
        assert_eq!(read(&View::own(system), "/tmp/a"), "agent");
        assert_eq!(read(&View::of(system, 78), "/tmp/a"), "agent", "it ended");
    }
}
