//! Errors of a machine.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// How long a machine may take to shut down.
pub(super) const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(120);

/// An error of a machine.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// An operation on a file of the host failed, or the start of a program on the host.
    #[error("{0}: {1}{hint}", hint = disk_hint(.1))]
    Host(String, #[source] io::Error),
    /// The machine did not boot.
    #[error("the instance did not boot: {reason}\nlast lines of its console:\n{console}{hint}", hint = overlay_hint(.console))]
    Boot {
        /// The reason.
        reason: String,
        /// The console's last lines.
        console: String,
    },
    /// The machine has ended, although nothing has stopped it.
    #[error("the instance has ended ({0})\nhint: see `dmesg` for a lack of memory")]
    Ended(ExitStatus),
    /// The machine did not shut down for a reboot.
    #[error("the instance did not shut down within {SHUTDOWN_DEADLINE:?}")]
    Shutdown,
}

fn disk_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            "\nhint: free disk space, or set CARGO_TARGET_DIR to a directory on another disk"
        }
        _ => "",
    }
}

fn overlay_hint(console: &str) -> &'static str {
    if console.contains("mount:") {
        "\nhint: set CARGO_TARGET_DIR to a directory on a file system that an overlay can use, such as ext4, xfs or \
         tmpfs"
    } else {
        ""
    }
}
