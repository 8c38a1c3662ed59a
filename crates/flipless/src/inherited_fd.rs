//! The only unsafe code: taking ownership of a descriptor that was passed by number.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use socket2::{SockRef, Socket, Type};

/// Takes a descriptor, if it is a listening stream socket.
///
/// The caller takes each number at most once in the life of the process.
pub(crate) fn take_listener(fd: RawFd) -> io::Result<Socket> {
    // SAFETY: the borrow ends in this function, and on a number that is not open the system calls
    // of `check` answer EBADF.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    check(SockRef::from(&borrowed))?;
    // SAFETY: it is open, as `check` has found, and sd_listen_fds(3) hands it to this process; that
    // nobody takes it twice is the caller's part.
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
