//! The locks that let only one agent at a time change the instance or the front.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use flipless_settings::layout;

use crate::instance::system::System;

/// A lock that this process holds until it drops the value. The kernel releases the lock when the process ends.
pub struct Lock(#[allow(dead_code, reason = "held, not read")] File);

/// The pause between two attempts to take the lock. flock(2), which `try_lock` calls, has no time limit.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Takes the lock `name`. Waits up to `limit` for another agent. `purpose` is the command of this agent, for the error
/// message of a waiting agent.
///
/// # Errors
/// If another agent still holds the lock after `limit`. The message names the command of that agent.
pub fn take(system: &System, name: &str, purpose: &str, limit: Duration) -> Result<Lock> {
    let path = format!("{}/{name}", layout::RUNTIME);
    let deadline = Instant::now() + limit;
    loop {
        let mut file = open(system, &path)?;
        match file.try_lock() {
            // The previous holder may have removed the file, together with everything of flipless. Other processes
            // then lock a new file. So this agent opens the new file, and tries again.
            Ok(()) if !is_at(&file, &system.locate(&path)) => {}
            Ok(()) => {
                // The text in the lock file is only for people, so a full /run is no error.
                let _ = introduce(&mut file, purpose);
                return Ok(Lock(file));
            }
            Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(error).with_context(|| format!("cannot lock {path}"));
            }
            Err(_) if Instant::now() < deadline => std::thread::sleep(LOOK_AGAIN),
            Err(_) => bail!(
                "other agents have held the lock {path} for {} s, most recently {}; try again after that command \
                 has ended",
                limit.as_secs(),
                holder(&mut file)
            ),
        }
    }
}

fn open(system: &System, path: &str) -> Result<File> {
    system.make_folder(layout::RUNTIME)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(system.locate(path))
        .with_context(|| format!("cannot open the lock {path}: remove what is at this path"))
}

fn is_at(file: &File, path: &Path) -> bool {
    let same = || -> io::Result<bool> {
        let (own, there) = (file.metadata()?, path.metadata()?);
        Ok((own.dev(), own.ino()) == (there.dev(), there.ino()))
    };
    same().unwrap_or(false)
}

/// Writes the command and the pid of this process into the lock file. Sets the file's mode, so that the mode does not
/// depend on the umask.
fn introduce(file: &mut File, purpose: &str) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "`flipless {purpose}`, process {}", std::process::id())
}

/// Returns the description of the process that holds the lock, from the first line of the lock file.
fn holder(file: &mut File) -> String {
    let mut said = Vec::new();
    let _ = file.take(200).read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said);
    match said.lines().next().map(str::trim) {
        None | Some("") => "a command that the lock file does not name".to_owned(),
        Some(line) => line.escape_debug().to_string(),
    }
}

#[cfg(test)]
mod tests;
