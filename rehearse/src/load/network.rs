//! The network namespace of the clients.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::error::LoadError;

/// A network namespace: that of this process, or of a container.
#[derive(Debug, Clone, Default)]
pub struct Namespace(Option<Arc<OwnedFd>>);

impl Namespace {
    /// The namespace of this process.
    pub fn here() -> Self {
        Self(None)
    }

    /// The namespace of the process `pid`, such as a container's leader. It stays valid after the process has
    /// ended.
    ///
    /// # Errors
    /// If there is no such process, or if this process may not inspect it.
    pub fn of(pid: u32) -> Result<Self, LoadError> {
        let path = format!("/proc/{pid}/ns/net");
        match File::open(&path) {
            Ok(file) => Ok(Self(Some(Arc::new(file.into())))),
            Err(source) => Err(LoadError::Namespace { path, source }),
        }
    }

    /// Moves only the calling thread into the namespace (setns(2)). Use the thread for nothing else afterwards.
    pub(super) fn enter(&self) -> io::Result<()> {
        match &self.0 {
            Some(fd) => Ok(move_into_link_name_space(
                fd.as_fd(),
                Some(LinkNameSpaceType::Network),
            )?),
            None => Ok(()),
        }
    }
}

impl From<OwnedFd> for Namespace {
    fn from(fd: OwnedFd) -> Self {
        Self(Some(Arc::new(fd)))
    }
}
