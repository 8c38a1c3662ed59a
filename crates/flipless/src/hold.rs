//! The hold: a server that is ready, and does not accept yet.
//!
//! In a deployment the new version is ready before Elastic Beanstalk flips to it, and must not answer before. A
//! file holds it: the agent makes the file before it starts the server, and removes the file in the flip. The
//! file is in `/run`, so that no reboot brings it back.

use std::path::Path;
use std::time::Duration;

/// The pause between two looks at the file. Meanwhile connections wait in the backlog, so this is also the
/// longest delay that a flip can cause.
const BETWEEN: Duration = Duration::from_millis(5);

/// Whether the file is there. One that can't be read holds nobody.
pub(crate) fn is_held(file: &Path) -> bool {
    file.exists()
}

/// Waits until the file is gone.
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
    async fn a_server_is_held_while_the_file_is_there() {
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
