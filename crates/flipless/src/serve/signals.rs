//! The signals that stop a server.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, which systemd sends, and SIGINT, which a terminal sends.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Installs the handlers. From then on, the signals no longer end the process.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for either signal.
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for SIGINT, with which a user at the terminal ends the drain early.
    pub(super) async fn interrupt(&mut self) {
        self.interrupt.recv().await;
    }
}
