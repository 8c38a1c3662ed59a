//! A port for one run of the server: two run at the same time.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixListener;

use anyhow::{Context, Result};

/// How many ports above `[server] port` are tried: more than there are runs at a time.
const PORTS: u16 = 64;

/// A port that no other relay gives away as long as this lives.
pub struct Port {
    /// Its number.
    pub number: u16,
    _claim: UnixListener,
}

impl Port {
    /// The first port above `base` that nobody has claimed or listens on.
    ///
    /// # Errors
    /// When there is none.
    pub fn above(base: u16) -> Result<Self> {
        let mut ports = (base..=base.saturating_add(PORTS)).skip(1);
        let port = ports.find_map(|number| Self::claim(number).ok());
        port.with_context(|| format!("no free port among the {PORTS} above {base}"))
    }

    /// The name of a Unix socket is the claim: between the look at the port and the server's own bind
    /// another relay could look, too.
    fn claim(number: u16) -> io::Result<Self> {
        let _claim = UnixListener::bind_addr(&name(number)?)?;
        // On all addresses, as servers do; closed again for the server.
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, number))?;
        Ok(Self { number, _claim })
    }
}

/// An abstract name (unix(7)): no file, gone with its process.
#[cfg(target_os = "linux")]
fn name(number: u16) -> io::Result<std::os::unix::net::SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    std::os::unix::net::SocketAddr::from_abstract_name(format!("flipless-port-{number}"))
}

/// Elsewhere the relay is only compiled.
#[cfg(not(target_os = "linux"))]
fn name(_: u16) -> io::Result<std::os::unix::net::SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_somebody_listens_on_is_passed_over() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        assert_ne!(Port::above(taken - 1).unwrap().number, taken);
    }

    #[test]
    fn two_relays_have_two_ports_though_no_server_listens_yet() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let base = listener.local_addr().unwrap().port();
        let (first, second) = (Port::above(base).unwrap(), Port::above(base).unwrap());
        assert_ne!(first.number, second.number);
        let number = first.number;
        drop(first);
        assert_eq!(Port::above(base).unwrap().number, number);
    }
}
