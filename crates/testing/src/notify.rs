//! A socket for sd_notify(3), in place of systemd's socket.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use super::LIMIT;

/// Receives a server's messages to systemd.
pub struct Notifications {
    socket: UnixDatagram,
    directory: tempfile::TempDir,
}

impl Default for Notifications {
    fn default() -> Self {
        Self::new()
    }
}

impl Notifications {
    /// Binds a socket in a folder of its own.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        Self { socket, directory }
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("notify")
    }

    /// Waits for the next message with this line, and returns the message.
    #[track_caller]
    pub fn wait_for(&self, wanted: &str) -> String {
        self.socket.set_read_timeout(Some(LIMIT)).unwrap();
        let mut buffer = [0; 4096];
        loop {
            let read = self.socket.recv(&mut buffer);
            let length = read.unwrap_or_else(|error| panic!("no {wanted}: {error}"));
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if message.lines().any(|line| line == wanted) {
                return message;
            }
        }
    }

    /// Returns all messages that have arrived and were not read.
    pub fn so_far(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).unwrap();
        let mut messages = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(length) => messages.push(String::from_utf8(buffer[..length].to_vec()).unwrap()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        self.socket.set_nonblocking(false).unwrap();
        messages
    }
}
