//! The folder and the control groups of a machine. The folder is locked while the process that owns the machine lives.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::wait::wait_for;

/// The folders of a machine. `lower` is a link to the image.
const FOLDERS: &[&str] = &["upper", "work", "root"];

/// The folder and the control groups of one machine on this host.
#[derive(Debug)]
pub(super) struct Place {
    pub name: String,
    pub folder: PathBuf,
    /// One control group in each hierarchy that systemd uses.
    pub groups: Vec<PathBuf>,
    /// A lock that this process holds while it lives. The lock distinguishes the folder of a live machine from a stale
    /// folder.
    _lock: File,
}

impl Place {
    /// Makes the folders and control groups of `name` below `store`. First removes the folders in `store` that killed
    /// processes have left.
    pub fn make(store: &Path, name: &str, image: &Path) -> io::Result<Self> {
        fs::create_dir_all(store)?;
        // Without this lock, another process could remove the new folder as stale, before this process has locked the
        // folder itself.
        let all = File::create(store.join(".lock"))?;
        all.lock()?;
        remove_stale(store)?;
        let folder = store.join(name);
        fs::create_dir(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        for inner in FOLDERS {
            fs::create_dir_all(folder.join(inner))?;
        }
        std::os::unix::fs::symlink(image, folder.join("lower"))?;
        let groups: Vec<_> = hierarchies()?
            .iter()
            .map(|group| group.join(name))
            .collect();
        let list: String = groups
            .iter()
            .map(|group| format!("{}\n", group.display()))
            .collect();
        fs::write(folder.join("groups"), list)?;
        for group in &groups {
            fs::create_dir_all(group)?;
        }
        Ok(Self {
            name: name.to_owned(),
            folder,
            groups,
            _lock: lock,
        })
    }

    /// Removes everything; the container must be dead or dying.
    pub fn remove(&self) -> io::Result<()> {
        remove(&self.folder, &self.groups)
    }
}

fn remove_stale(store: &Path) -> io::Result<()> {
    for entry in fs::read_dir(store)? {
        let folder = entry?.path();
        let Ok(lock) = File::open(folder.join("lock")) else {
            continue;
        };
        if lock.try_lock().is_ok() {
            let list = fs::read_to_string(folder.join("groups")).unwrap_or_default();
            let groups: Vec<_> = list.lines().map(PathBuf::from).collect();
            remove(&folder, &groups)?;
        }
    }
    Ok(())
}

fn remove(folder: &Path, groups: &[PathBuf]) -> io::Result<()> {
    for group in groups {
        // A control group can be removed only after its last process has ended.
        let gone = wait_for(Duration::from_secs(5), || {
            remove_group(group);
            (!group.exists()).then_some(())
        });
        if gone.is_none() {
            return Err(io::Error::other(format!(
                "the control group {} still has processes",
                group.display()
            )));
        }
    }
    fs::remove_dir_all(folder)
}

/// Removes a control group and the groups below. A group that has processes stays.
fn remove_group(group: &Path) {
    let Ok(entries) = fs::read_dir(group) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}

/// This process's control group in each hierarchy that systemd uses: cgroup v2, and the hierarchy `name=systemd`
/// of a v1 or hybrid host (cgroups(7)).
fn hierarchies() -> io::Result<Vec<PathBuf>> {
    let own = fs::read_to_string("/proc/self/cgroup")?;
    let mounts = Path::new("/sys/fs/cgroup");
    let unified = mounts.join("cgroup.controllers").exists();
    Ok(parse_groups(&own)
        .filter_map(|(hierarchy, path)| match hierarchy {
            "" if unified => Some(mounts.join(path)),
            "" => Some(mounts.join("unified").join(path)),
            "name=systemd" => Some(mounts.join("systemd").join(path)),
            _ => None,
        })
        .filter(|group| group.exists())
        .collect())
}

/// Parses the lines `ID:HIERARCHY:/PATH`.
fn parse_groups(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        Some((fields.next()?, fields.next()?.trim_start_matches('/')))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_hybrid_host_has_two_hierarchies() {
        let text = "4:memory:/a\n1:name=systemd:/user.slice/x\n0::/user.slice/y\n";
        let groups: Vec<_> = parse_groups(text).collect();
        assert_eq!(
            groups,
            [
                ("memory", "a"),
                ("name=systemd", "user.slice/x"),
                ("", "user.slice/y")
            ]
        );
    }

    #[test]
    fn only_the_folders_of_dead_owners_are_removed() {
        let store = tempfile::tempdir().unwrap();
        for name in ["live", "dead"] {
            fs::create_dir_all(store.path().join(name).join("upper")).unwrap();
            fs::write(store.path().join(name).join("groups"), "").unwrap();
        }
        File::create(store.path().join("dead/lock")).unwrap();
        let lock = File::create(store.path().join("live/lock")).unwrap();
        lock.lock().unwrap();
        remove_stale(store.path()).unwrap();
        assert!(store.path().join("live").exists());
        assert!(!store.path().join("dead").exists());
    }
}
