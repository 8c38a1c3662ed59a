//! The network namespace a client lives in.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::error::LoadError;

/// A network namespace: this process's, or a container's.
#[derive(Debug, Clone, Default)]
pub struct Namespace(Option<Arc<OwnedFd>>);

impl Namespace {
    /// This process's own.
    pub fn here() -> Self {
        Self(None)
    }

    /// That of the process `pid`, such as a container's leader. It stays valid when the process ends.
    ///
    /// # Errors
    /// When there is no such process, or it may not be looked at.
    pub fn of(pid: u32) -> Result<Self, LoadError> {
        let path = format!("/proc/{pid}/ns/net");
        match File::open(&path) {
            Ok(file) => Ok(Self(Some(Arc::new(file.into())))),
            Err(source) => Err(LoadError::Namespace { path, source }),
        }
    }

    /// Moves the calling thread only (setns(2)): end it rather than let it do something else.
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
