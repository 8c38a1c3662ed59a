//! Hints for errors whose own message does not say what to do.

use std::io;

use anyhow::Error;

use crate::deployment::run::Unfit;
use crate::proxy::advice::Advice;

/// Returns a hint for the first cause that has one.
pub fn of(error: &Error) -> Option<String> {
    // `Error::downcast_ref` also finds a value that was added as context. `Error::chain` yields anyhow's wrapper
    // instead of such a value.
    if let Some(unfit) = error.downcast_ref::<Unfit>() {
        return Some(unfit.hint.clone().unwrap_or_else(|| {
            let unit = &unfit.unit;
            format!("`journalctl --unit {unit}` shows everything that the server wrote")
        }));
    }
    if let Some(advice) = error.downcast_ref::<Advice>() {
        return Some(advice.hint.clone());
    }
    error.chain().find_map(|cause| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        for_kind(kind?).map(String::from)
    })
}

fn for_kind(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("free some space (`df -h` shows which file system is full), then try again")
        }
        io::ErrorKind::ReadOnlyFilesystem => Some(
            "a disk error may have made the file system read-only (see `dmesg`): replace the instance, or \
             remount the file system for writing and try again",
        ),
        io::ErrorKind::PermissionDenied => Some("run the command as root, for example with `sudo`"),
        io::ErrorKind::InvalidFilename => {
            Some("shorten the path: a name may have 255 bytes, and a path 4095")
        }
        _ => None,
    }
}
