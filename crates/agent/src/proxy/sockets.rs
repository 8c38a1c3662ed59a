//! Finds the listening sockets of processes in /proc (proc(5)).
//!
//! The agent reads the tables of process 1. The agent's own tables may be those of another network namespace:
//! nginx.service has PrivateNetwork=true, which also applies to a command with the prefix "+".

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::FileTypeExt;

use anyhow::Result;

use crate::instance::system::System;

/// The folders that the front's unit replaces by empty ones for each master (`PrivateTmp=`, systemd.exec(5)).
const PRIVATE: [&str; 2] = ["/tmp/", "/var/tmp/"];

/// systemd itself. It holds the stores and the listeners of all units.
pub const SYSTEMD: u32 = 1;

/// TCP_LISTEN in the kernel's net/tcp_states.h.
const LISTENING: &str = "0A";
/// TCP_CLOSE in the same file. A UDP socket in this state accepts datagrams from any peer.
const UNCONNECTED: &str = "07";
/// __SO_ACCEPTCON, the flag of a listening socket in /proc/1/net/unix.
const ACCEPTS: u32 = 0x1_0000;
/// SOCK_DGRAM, the type of a socket in /proc/1/net/unix. Such a socket with a path receives from any peer.
const DATAGRAM: &str = "0002";

/// The address of a listening socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    Tcp(SocketAddr),
    Udp(SocketAddr),
    Unix(String),
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(formatter, "{address}"),
            Self::Udp(address) => write!(formatter, "{address} (UDP)"),
            Self::Unix(path) => write!(formatter, "unix:{path}"),
        }
    }
}

/// A listening socket, as a process holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub pid: u32,
    pub descriptor: i32,
    pub address: Address,
}

/// The listening sockets of the instance: the address of each inode. Two sockets may have one address (SO_REUSEPORT),
/// and an inode is never reused while the socket is open.
pub struct Table(BTreeMap<String, Address>);

impl Table {
    pub fn read(system: &System) -> Self {
        let mut sockets = BTreeMap::new();
        for table in ["tcp", "tcp6"] {
            let lines = lines(system, table).map_while(|line| internet(&line, LISTENING));
            sockets.extend(lines.map(|(address, inode)| (inode, Address::Tcp(address))));
        }
        for table in ["udp", "udp6"] {
            let lines = lines(system, table).filter_map(|line| internet(&line, UNCONNECTED));
            sockets.extend(lines.map(|(address, inode)| (inode, Address::Udp(address))));
        }
        let unix = unix_sockets(system).into_iter();
        sockets.extend(unix.map(|(inode, path)| (inode, Address::Unix(path))));
        Self(sockets)
    }

    /// Returns whether one of the inodes is a listening socket.
    pub fn has_any<'a>(&self, mut inodes: impl Iterator<Item = &'a String>) -> bool {
        inodes.any(|inode| self.0.contains_key(inode))
    }

    /// Returns the listening sockets that the processes hold, by inode.
    pub fn held(&self, system: &System, pids: &[u32]) -> BTreeMap<String, Held> {
        let all = pids.iter().flat_map(|pid| descriptors(system, *pid));
        let listening = all.filter_map(|(inode, pid, descriptor)| {
            let address = self.0.get(&inode)?.clone();
            let held = Held {
                pid,
                descriptor,
                address,
            };
            Some((inode, held))
        });
        listening.collect()
    }
}

/// Removes the files of unix sockets that no process serves. nginx can't open a socket whose file exists. A killed
/// master does not remove the file, and no master removes that of an inherited socket (ngx_close_listening_sockets in
/// ngx_connection.c). Leaves files in [`PRIVATE`] alone: the agent sees other programs' files there, and not nginx's.
pub fn remove_unserved(system: &System, paths: impl Iterator<Item = String>) -> Result<()> {
    let is_private = |path: &String| PRIVATE.iter().any(|folder| path.starts_with(folder));
    for path in paths.filter(|path| !is_private(path)) {
        let metadata = system.locate(&path).symlink_metadata();
        let is_socket = metadata.is_ok_and(|metadata| metadata.file_type().is_socket());
        if is_socket && !is_served(system, &path) {
            system.remove(&path)?;
        }
    }
    Ok(())
}

/// Returns whether a process listens on this path.
fn is_served(system: &System, path: &str) -> bool {
    unix_sockets(system).iter().any(|(_, name)| name == path)
}

/// Returns the listening sockets that the processes hold.
pub fn held(system: &System, pids: &[u32]) -> Vec<Held> {
    let held = Table::read(system).held(system, pids);
    held.into_values().collect()
}

/// Returns the lines of a table, without its heading. Reads them one by one, because there may be many
/// connections. In the table of TCP the listeners come first (tcp_get_idx in the kernel's tcp_ipv4.c).
fn lines(system: &System, table: &str) -> impl Iterator<Item = String> {
    let file = File::open(system.locate(format!("/proc/1/net/{table}"))).ok();
    let lines = file
        .into_iter()
        .flat_map(|file| BufReader::new(file).lines());
    lines.map_while(Result::ok).skip(1)
}

/// Returns address and inode of a socket in this state.
fn internet(line: &str, state: &str) -> Option<(SocketAddr, String)> {
    let mut fields = line.split_whitespace().skip(1);
    let address = socket_address(fields.next()?)?;
    let is_in_state = fields.nth(1)? == state;
    let inode = fields.nth(5)?.to_owned();
    is_in_state.then_some((address, inode))
}

/// Parses `0100007F:0050`. The kernel prints each 32 bits of an address as a number of the machine's own byte order
/// (get_tcp4_sock in tcp_ipv4.c), and the port as a number.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let words = host.as_bytes().chunks(8).map(|word| {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        Some(word.to_ne_bytes())
    });
    let bytes = words.collect::<Option<Vec<_>>>()?.concat();
    let host = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        _ => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(SocketAddr::new(host, u16::from_str_radix(port, 16).ok()?))
}

/// Returns inode and path of each socket with a path that receives from any peer.
fn unix_sockets(system: &System) -> Vec<(String, String)> {
    let content = system.read("/proc/1/net/unix").ok().flatten();
    let text = String::from_utf8_lossy(&content.unwrap_or_default()).into_owned();
    text.lines().filter_map(unix).collect()
}

/// Returns inode and path of a listening socket. A line is `Num RefCount Protocol Flags Type St Inode Path`.
fn unix(line: &str) -> Option<(String, String)> {
    let fields: Vec<&str> = line.split_whitespace().take(7).collect();
    let [_, _, _, flags, kind, _, inode] = fields[..] else {
        return None;
    };
    // The path may contain spaces.
    let path = line.split_once(&format!(" {inode} "))?.1;
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let receives = flags & ACCEPTS != 0 || kind == DATAGRAM;
    receives.then(|| (inode.to_owned(), path.to_owned()))
}

/// Returns a process's sockets: inode, process and descriptor.
fn descriptors(system: &System, pid: u32) -> Vec<(String, u32, i32)> {
    let folder = format!("/proc/{pid}/fd");
    let names = system.names(&folder).unwrap_or_default();
    let sockets = names.iter().filter_map(|name| {
        let link = system.link_target(format!("{folder}/{name}"))?;
        let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        Some((inode.to_owned(), pid, name.parse().ok()?))
    });
    sockets.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::testing::Instance;

    const TCP: &str = "  sl  local_address rem_address st tx_queue tr retrnsmt uid timeout inode\n\
        0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 80 1\n\
        1: 0100007F:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 443 1\n\
        2: 0100007F:0050 0100007F:9999 01 00000000:00000000 00:00000000 00000000 0 0 99 1\n";
    const TCP6: &str = "  sl  local_address rem_address st tx_queue tr retrnsmt uid timeout inode\n\
        0: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 680 1\n";
    const UDP: &str = "  sl  local_address rem_address st tx_queue tr retrnsmt uid timeout inode\n\
        0: 0100007F:0035 0100007F:9999 01 0:0 0:0 0 0 0 98 1\n\
        1: 00000000:01BB 00000000:0000 07 0:0 0:0 0 0 0 444 1\n";
    const UNIX: &str = "Num       RefCount Protocol Flags    Type St Inode Path\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 700 /run/x y.sock\n\
        0000000000000000: 00000003 00000000 00000000 0001 03 701 /run/x y.sock\n\
        0000000000000000: 00000003 00000000 00000000 0001 03 702\n\
        0000000000000000: 00000002 00000000 00000000 0002 01 703 /run/log\n";

    fn instance() -> Instance {
        let instance = Instance::new();
        for (file, content) in [("tcp", TCP), ("tcp6", TCP6), ("udp", UDP), ("unix", UNIX)] {
            let path = format!("/proc/1/net/{file}");
            instance
                .system
                .write(path, content.as_bytes(), 0o644)
                .unwrap();
        }
        instance
    }

    #[test]
    fn every_listener_of_a_process_is_found_with_its_address_and_nothing_else() {
        let instance = instance();
        let system = &instance.system;
        system.make_folder("/proc/7/fd").unwrap();
        for (number, inode) in [
            "80", "443", "680", "444", "700", "703", "99", "98", "701", "702", "5",
        ]
        .iter()
        .enumerate()
        {
            let target = format!("socket:[{inode}]");
            let path = format!("/proc/7/fd/{number}");
            system.link(Path::new(&target), path).unwrap();
        }
        let held = Table::read(system).held(system, &[7, 8]);
        let found: Vec<_> = held
            .iter()
            .map(|(inode, held)| format!("{inode} {} {}", held.descriptor, held.address))
            .collect();
        let expected = [
            "443 1 127.0.0.1:443",
            "444 3 0.0.0.0:443 (UDP)",
            "680 2 [::1]:443",
            "700 4 unix:/run/x y.sock",
            "703 5 unix:/run/log",
            "80 0 0.0.0.0:80",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_path_is_served_while_a_listener_has_it() {
        let instance = instance();
        let system = &instance.system;
        assert!(is_served(system, "/run/x y.sock"));
        assert!(!is_served(system, "/run/x"));
        let gone = UNIX.replace("00010000", "00000000");
        system
            .write("/proc/1/net/unix", gone.as_bytes(), 0o644)
            .unwrap();
        assert!(!is_served(system, "/run/x y.sock"));
    }
}
