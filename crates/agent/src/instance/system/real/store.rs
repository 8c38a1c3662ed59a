//! systemd's store of descriptors: the messages of sd_pid_notify_with_fds(3).

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;

use rustix::fs::fstat;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, UCred, sendmsg};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, getgid, getuid, pidfd_getfd, pidfd_open};

/// systemd's socket for messages (manager_setup_notify in its manager.c). The environment of a hook lacks
/// `NOTIFY_SOCKET`, which usually contains this path.
const SOCKET: &str = "/run/systemd/notify";

/// Gives systemd a copy of another process's descriptor. The name must end with the inode of the socket. FDPOLL=0 keeps
/// systemd from dropping a UDP socket that has an error.
pub fn keep(sender: u32, (pid, descriptor): (u32, i32), name: &str) -> io::Result<()> {
    let process = pidfd_open(process(pid)?, PidfdFlags::empty())?;
    let copy = pidfd_getfd(process, descriptor, PidfdGetfdFlags::empty())?;
    // Since the agent looked, the process may have closed the listener, and used the descriptor's number for another
    // file.
    if !name.ends_with(&format!("-{}", fstat(&copy)?.st_ino)) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let message = format!("FDSTORE=1\nFDPOLL=0\nFDNAME={name}");
    send(sender, &message, &[copy.as_fd()])
}

/// Makes systemd close the descriptors of this name.
pub fn forget(sender: u32, name: &str) -> io::Result<()> {
    send(sender, &format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[])
}

fn process(pid: u32) -> io::Result<Pid> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Sends a message on behalf of the process `sender`, for the unit of this process. Root may name any process
/// (SCM_CREDENTIALS in unix(7)). systemd accepts messages of a unit's main process and of its commands
/// (`NotifyAccess=exec`).
fn send(sender: u32, message: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(SOCKET)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1), ScmCredentials(1))];
    let mut parts = SendAncillaryBuffer::new(&mut space);
    let credentials = UCred {
        pid: process(sender)?,
        uid: getuid(),
        gid: getgid(),
    };
    parts.push(SendAncillaryMessage::ScmCredentials(credentials));
    if !descriptors.is_empty() {
        parts.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let text = [IoSlice::new(message.as_bytes())];
    sendmsg(socket, &text, &mut parts, SendFlags::NOSIGNAL)?;
    Ok(())
}
