//! systemd's store of descriptors: the messages of sd_pid_notify_with_fds(3).

use std::env;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// The name of the agent's descriptors in the store.
const NAME: &str = "flipless";

/// Gives systemd a descriptor of another process.
pub fn keep(pid: u32, descriptor: i32) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let copy = pidfd_getfd(process, descriptor, PidfdGetfdFlags::empty())?;
    send(&format!("FDSTORE=1\nFDNAME={NAME}"), &[copy.as_fd()])
}

/// Makes systemd close these descriptors.
pub fn clear() -> io::Result<()> {
    send(&format!("FDSTOREREMOVE=1\nFDNAME={NAME}"), &[])
}

fn send(message: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    // systemd sets the variable only for a unit with NotifyAccess=.
    let path = env::var_os("NOTIFY_SOCKET").ok_or(io::ErrorKind::Unsupported)?;
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        rights.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let text = [IoSlice::new(message.as_bytes())];
    sendmsg(socket, &text, &mut rights, SendFlags::NOSIGNAL)?;
    Ok(())
}
