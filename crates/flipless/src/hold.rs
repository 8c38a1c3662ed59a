//! The hold: a held server accepts no connections, even when it is ready.
//!
//! In a deployment the new version is ready before Elastic Beanstalk flips to it, but must not answer requests
//! before the flip. The server is held while a file exists. The agent creates the file before it starts the
//! server, and removes the file in the flip. The file is in `/run`, so a reboot removes it, too.

use std::path::Path;
use std::time::Duration;

/// The pause between two looks at the file. Connections wait in the backlog during this pause, so the pause is also the
/// longest delay that a flip can cause.
const BETWEEN: Duration = Duration::from_millis(5);

/// Returns whether the file exists. If the check itself fails, the server is not held.
pub(crate) fn is_held(file: &Path) -> bool {
    file.exists()
}

/// Waits until the file does not exist.
pub(crate) async fn released(file: &Path) {
    while is_held(file) {
        tokio::time::sleep(BETWEEN).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_is_held_while_the_file_exists() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hold");
        released(&file).await;
        std::fs::write(&file, "").unwrap();
        let waiting = tokio::time::timeout(BETWEEN * 4, released(&file)).await;
        assert!(waiting.is_err());
        std::fs::remove_file(&file).unwrap();
        released(&file).await;
    }
}
