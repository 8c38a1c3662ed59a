//! The public port, which systemd opens and nginx inherits at its start.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;

use super::processes;
use super::sockets::{Address, SYSTEMD, Table};
use crate::instance::system::System;

/// Returns whether nginx has workers, but does not hold systemd's socket of the public port. In a reload with a
/// configuration that lacks the port, nginx closes its copy of the socket. systemd's copy stays open, so clients wait
/// in its queue, and nginx can't open the address again.
pub fn is_lost(system: &System, master: u32) -> Result<bool> {
    let port = system.settings()?.front.port;
    let public = Address::Tcp(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
    let table = Table::read(system);
    let of_systemd = table.held(system, &[SYSTEMD]);
    let own = table.held(system, &[master]);
    let mut inodes = of_systemd
        .iter()
        .filter(|(_, held)| held.address == public)
        .map(|(inode, _)| inode)
        .peekable();
    // A master that is starting or ending has no workers.
    let serves = !processes::workers(system, master)?.is_empty();
    Ok(serves && inodes.peek().is_some() && !inodes.any(|inode| own.contains_key(inode)))
}

#[cfg(test)]
mod tests;
