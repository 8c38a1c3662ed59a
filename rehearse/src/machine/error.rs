//! Why a machine is not there.

use std::io;
use std::time::Duration;

/// How long a machine may take to go down.
pub(super) const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(120);

/// Why a machine is not there.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A file or program of the host.
    #[error("{0}: {1}{hint}", hint = disk_hint(.1))]
    Host(String, #[source] io::Error),
    /// It did not get up.
    #[error("the instance did not boot: {reason}; its console's last lines:\n{console}{hint}", hint = overlay_hint(.console))]
    Boot {
        /// What was waited for.
        reason: String,
        /// The console's last lines.
        console: String,
    },
    /// It did not go down for a reboot.
    #[error("the instance did not shut down within {SHUTDOWN_DEADLINE:?}")]
    Shutdown,
}

fn disk_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            "\nhint: free some space, or put the target directory elsewhere with CARGO_TARGET_DIR"
        }
        _ => "",
    }
}

fn overlay_hint(console: &str) -> &'static str {
    if console.contains("mount:") {
        "\nhint: the target directory must be on a file system that an overlay can use, such as ext4, xfs or tmpfs: \
         set CARGO_TARGET_DIR"
    } else {
        ""
    }
}
