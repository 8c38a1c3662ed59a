//! A lock, so that only one `dist` at a time uses a target directory. Two builds with different settings would
//! overwrite each other's rendered templates, and a bundle could contain files of the other build.

use std::fs::{File, TryLockError, create_dir_all};
use std::path::Path;

use anyhow::{Context, Result};

use crate::ui;

/// The lock, which is held until this value is dropped. The system also releases the lock when the process ends, even
/// in a crash.
pub struct Lock(#[allow(dead_code, reason = "held, not read")] File);

/// Waits until no other `dist` builds in `target`. Prints a status line if it has to wait.
///
/// # Errors
/// If the folder can't be written to.
pub fn take(target: &Path) -> Result<Lock> {
    let path = target.join(".dist.lock");
    let context = || format!("cannot lock {}", path.display());
    create_dir_all(target).with_context(context)?;
    let file = File::create(&path).with_context(context)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            ui::status("Blocking", "waiting for another `cargo xtask dist`");
            file.lock().with_context(context)?;
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(context),
    }
    Ok(Lock(file))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_second_lock_waits_for_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        let first = take(&target).unwrap();
        let (sender, taken) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let second = take(&target).unwrap();
                sender.send(()).unwrap();
                drop(second);
            });
            let early = taken.recv_timeout(std::time::Duration::from_millis(200));
            assert!(early.is_err(), "it did not wait");
            drop(first);
            let patience = std::time::Duration::from_secs(30);
            taken.recv_timeout(patience).unwrap();
        });
    }
}
