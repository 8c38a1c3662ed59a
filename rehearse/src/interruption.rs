//! Temporary folders and child processes of this process. An interruption removes the folders and ends the children.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process};
use tempfile::TempDir;

/// How long children may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);

static BEGUN: AtomicBool = AtomicBool::new(false);
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A temporary folder. It is removed when this value is dropped, and when a signal ends this process.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// Makes a folder in `parent` whose name begins with `prefix`.
    ///
    /// # Errors
    /// If the folder can't be made.
    pub fn make(parent: &Path, prefix: &str) -> io::Result<Self> {
        hold();
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        folders().push(folder.path().to_owned());
        Ok(Self(folder))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        folders().retain(|folder| folder != self.path());
    }
}

/// Blocks for ever if a signal is about to end this process. Otherwise returns at once. A program calls this before it
/// ends or begins something new, so that it does not interfere with the removal.
pub fn hold() {
    while BEGUN.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// From now on, [`hold`] blocks.
pub(crate) fn begin() {
    BEGUN.store(true, Ordering::SeqCst);
}

/// Ends all children, which may still write to the folders. Then removes the folders.
pub(crate) fn finish() {
    end_descendants();
    for folder in folders().iter() {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let what = format!("cannot remove {}: {error}", folder.display());
                crate::progress::failure("Failed", what);
            }
            _ => {}
        }
    }
}

fn folders() -> MutexGuard<'static, Vec<PathBuf>> {
    // The folders must be removed even after a panic in another thread.
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end_descendants() {
    let all = descendants(getpid().as_raw_nonzero().get(), &parents());
    for signal in [Signal::TERM, Signal::KILL] {
        for pid in all.iter().copied().filter(|pid| is_alive(*pid)) {
            let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, signal));
        }
        let ended = || all.iter().all(|pid| !is_alive(*pid)).then_some(());
        if crate::machine::wait_for(GRACE, ended).is_some() {
            return;
        }
    }
}

/// Returns the processes below `ancestor`. `parents` contains each process with its parent.
fn descendants(ancestor: i32, parents: &[(i32, i32)]) -> Vec<i32> {
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = parents.iter().filter(|(_, of)| *of == parent);
        found.extend(children.map(|(pid, _)| pid));
        next += 1;
    }
    found.split_off(1)
}

/// Returns each process of this machine with its parent (proc_pid_stat(5)).
fn parents() -> Vec<(i32, i32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = |pid| Some((pid, state(pid)?.split(' ').nth(1)?.parse().ok()?));
    pids.filter_map(parent).collect()
}

/// Returns whether the process runs. A zombie does not.
fn is_alive(pid: i32) -> bool {
    state(pid).is_some_and(|state| !state.starts_with(['Z', 'X']))
}

/// Returns the fields of `/proc/PID/stat` from the state on. The name before them may contain spaces.
fn state(pid: i32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, state) = text.rsplit_once(") ")?;
    Some(state.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_is_registered_until_it_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::make(parent.path(), "bundles-").unwrap();
        let path = scratch.path().to_owned();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("bundles-") && folders().contains(&path));
        drop(scratch);
        assert!(!path.exists() && !folders().contains(&path));
    }

    #[test]
    fn grandchildren_end_too_but_no_other_process() {
        let parents = [(1, 0), (20, 1), (30, 20), (31, 20), (40, 31), (50, 1)];
        let mut found = descendants(20, &parents);
        found.sort_unstable();
        assert_eq!(found, [30, 31, 40]);
    }

    #[test]
    fn a_child_is_found_by_its_parent() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let own = getpid().as_raw_nonzero().get();
        assert!(parents().contains(&(pid, own)) && is_alive(pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_alive(pid));
    }
}
