//! The library's only unsafe code: it takes ownership of a descriptor that is known only by its number.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use socket2::{SockRef, Socket, Type};

/// Takes ownership of a descriptor if it is a listening stream socket.
///
/// A caller may take each number only once in the life of the process.
pub(crate) fn take_listener(fd: RawFd) -> io::Result<Socket> {
    // SAFETY: the borrow ends in this function. If the number is not open, the system calls in `check`
    // fail with EBADF.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    check(SockRef::from(&borrowed))?;
    // SAFETY: `check` has shown that the descriptor is open, and sd_listen_fds(3) gives it to this process. The caller
    // takes each descriptor only once.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok(owned.into())
}

fn check(socket: SockRef<'_>) -> io::Result<()> {
    if socket.r#type()? != Type::STREAM {
        return Err(io::Error::other("not a stream socket"));
    }
    if !socket.is_listener()? {
        return Err(io::Error::other("not listening"));
    }
    Ok(())
}
