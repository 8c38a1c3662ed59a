//! Compares when files were changed with when processes started.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::instance::system::System;

/// The precision of a process's start time: USER_HZ is 100 on every architecture of EB (proc_pid_stat(5), time(7)).
pub const TICK: Duration = Duration::from_millis(10);

/// The wall clock and the time since the boot, read at one moment. The kernel dates files by the wall clock, and
/// processes by the time since the boot.
pub struct Clock {
    since_boot: Duration,
    wall: SystemTime,
}

impl Clock {
    pub fn of(system: &System) -> Self {
        let (since_boot, wall) = system.commands().moment();
        Self { since_boot, wall }
    }

    /// Returns when a file was changed, as the time since the boot; `None` if there is no such file. The result is the
    /// time of the inode's last change, because `cp -p` sets the time of the content back (inode(7)).
    pub fn change(&self, file: &Path) -> Option<Duration> {
        let metadata = file.metadata().ok()?;
        let since_1970 = Duration::new(
            metadata.ctime().try_into().ok()?,
            metadata.ctime_nsec().try_into().ok()?,
        );
        let age = self
            .wall
            .duration_since(SystemTime::UNIX_EPOCH + since_1970)
            .unwrap_or_default();
        Some(self.since_boot.saturating_sub(age))
    }
}

/// Returns the files below a folder, relative to it.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok);
    let files = entries.filter(|entry| !entry.file_type().is_dir());
    let names = files.filter_map(|entry| Some(entry.path().strip_prefix(folder).ok()?.to_owned()));
    names.collect()
}
