//! Finds a port for one run of the server. Two runs need two ports, because they run at the same time.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixListener;

use anyhow::{Context, Result};

/// How many ports above `[server] port` the relay tries. There are never that many runs at the same time.
const PORTS: u16 = 64;

/// A port that no other relay gives to its server while this value lives.
pub struct ClaimedPort {
    /// The port's number.
    pub number: u16,
    _claim: UnixListener,
}

impl ClaimedPort {
    /// Claims the first port above `base` that no other relay has claimed and no process listens on.
    ///
    /// # Errors
    /// If no port is free.
    pub fn above(base: u16) -> Result<Self> {
        let mut ports = (base..=base.saturating_add(PORTS)).skip(1);
        let port = ports.find_map(|number| Self::claim(number).ok());
        port.with_context(|| format!("no free port among the {PORTS} above {base}"))
    }

    /// Claims a port by the name of a Unix socket. A test of the port alone is not enough: another relay could
    /// test the same port before this server binds it.
    fn claim(number: u16) -> io::Result<Self> {
        let _claim = UnixListener::bind_addr(&name(number)?)?;
        // Servers usually bind all addresses. This test closes its listener at once, so that the server can bind the
        // port.
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, number))?;
        Ok(Self { number, _claim })
    }
}

/// Returns an abstract name (unix(7)). It needs no file, and the kernel frees it when the process ends.
#[cfg(target_os = "linux")]
fn name(number: u16) -> io::Result<std::os::unix::net::SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    std::os::unix::net::SocketAddr::from_abstract_name(format!("flipless-port-{number}"))
}

/// On other systems the relay compiles, but does not run.
#[cfg(not(target_os = "linux"))]
fn name(_: u16) -> io::Result<std::os::unix::net::SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_port_with_a_listener_is_skipped() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        assert_ne!(ClaimedPort::above(taken - 1).unwrap().number, taken);
    }

    #[test]
    fn two_relays_claim_two_ports_before_their_servers_listen() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let base = listener.local_addr().unwrap().port();
        let (first, second) = (
            ClaimedPort::above(base).unwrap(),
            ClaimedPort::above(base).unwrap(),
        );
        assert_ne!(first.number, second.number);
        let number = first.number;
        drop(first);
        assert_eq!(ClaimedPort::above(base).unwrap().number, number);
    }
}
