//! Finds the listening sockets of processes in /proc (proc(5)).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};

use crate::instance::system::System;

/// TCP_LISTEN in the kernel's net/tcp_states.h.
const LISTENING: &str = "0A";
/// TCP_CLOSE in the same file. A UDP socket in this state accepts datagrams from any peer.
const UNCONNECTED: &str = "07";
/// __SO_ACCEPTCON, the flag of a listening socket in /proc/net/unix.
const ACCEPTS: u32 = 0x1_0000;

/// A socket, as a process holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub pid: u32,
    pub descriptor: i32,
}

/// Returns the listeners of the processes other than 0.0.0.0:`public`, each once. A new master can't open such a
/// listener until these processes have closed it.
pub fn further_listeners(system: &System, pids: &[u32], public: u16) -> Vec<Held> {
    let listeners = listeners(system, public);
    let held = pids.iter().flat_map(|pid| held(system, *pid));
    let found: BTreeMap<_, _> = held
        .filter(|(inode, _)| listeners.contains(inode))
        .collect();
    found.into_values().collect()
}

/// Returns whether a process listens on this path.
pub fn is_served(system: &System, path: &str) -> bool {
    let table = text(system, "/proc/net/unix");
    let mut sockets = table.lines().filter_map(unix);
    sockets.any(|(_, name)| name == path)
}

/// Returns the inodes of the listeners that a new master does not inherit.
fn listeners(system: &System, public: u16) -> BTreeSet<String> {
    let inherited = format!("00000000:{public:04X}");
    let mut inodes = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        let sockets = lines(system, table).map_while(|line| internet(&line, LISTENING));
        let own = sockets.filter(|(address, _)| table != "tcp" || *address != inherited);
        inodes.extend(own.map(|(_, inode)| inode));
    }
    for table in ["udp", "udp6"] {
        let sockets = lines(system, table).filter_map(|line| internet(&line, UNCONNECTED));
        inodes.extend(sockets.map(|(_, inode)| inode));
    }
    let unix_sockets = text(system, "/proc/net/unix");
    inodes.extend(
        unix_sockets
            .lines()
            .filter_map(unix)
            .map(|(inode, _)| inode.to_owned()),
    );
    inodes
}

/// Returns the lines of a table, without its heading. Reads them one by one, because there may be many
/// connections. In the table of TCP the listeners come first (tcp_get_idx in the kernel's tcp_ipv4.c).
fn lines(system: &System, table: &str) -> impl Iterator<Item = String> {
    let file = File::open(system.locate(format!("/proc/net/{table}"))).ok();
    let lines = file
        .into_iter()
        .flat_map(|file| BufReader::new(file).lines());
    lines.map_while(Result::ok).skip(1)
}

/// Returns address and inode of a socket in this state.
fn internet(line: &str, state: &str) -> Option<(String, String)> {
    let mut fields = line.split_whitespace().skip(1);
    let address = fields.next()?.to_owned();
    let is_in_state = fields.nth(1)? == state;
    let inode = fields.nth(5)?.to_owned();
    is_in_state.then_some((address, inode))
}

/// Returns inode and path of a listening socket. A line is `Num RefCount Protocol Flags Type St Inode Path`.
fn unix(line: &str) -> Option<(&str, &str)> {
    let mut fields = line.splitn(8, ' ').filter(|field| !field.is_empty());
    let flags = u32::from_str_radix(fields.nth(3)?, 16).ok()?;
    let rest = line.split_whitespace().nth(6)?;
    let path = line
        .rsplit_once(&format!(" {rest} "))
        .map_or("", |(_, path)| path);
    (flags & ACCEPTS != 0).then_some((rest, path))
}

/// Returns a process's sockets, with their inodes.
fn held(system: &System, pid: u32) -> Vec<(String, Held)> {
    let folder = format!("/proc/{pid}/fd");
    let names = system.names(&folder).unwrap_or_default();
    let sockets = names.iter().filter_map(|name| {
        let link = system.link_target(format!("{folder}/{name}"))?;
        let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        let descriptor = name.parse().ok()?;
        Some((inode.to_owned(), Held { pid, descriptor }))
    });
    sockets.collect()
}

fn text(system: &System, path: &str) -> String {
    let content = system.read(path).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&content).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::testing::Instance;

    const TCP: &str = "  sl  local_address rem_address st tx_queue tr retrnsmt uid timeout inode\n\
        0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 80 1\n\
        1: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 443 1\n\
        2: 0100007F:0050 0100007F:9999 01 00000000:00000000 00:00000000 00000000 0 0 99 1\n";
    const UNIX: &str = "Num       RefCount Protocol Flags    Type St Inode Path\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 700 /run/x y.sock\n\
        0000000000000000: 00000003 00000000 00000000 0001 03 701 /run/x y.sock\n\
        0000000000000000: 00000003 00000000 00000000 0001 03 702\n";

    fn holds(inodes: &[&str]) -> bool {
        let instance = Instance::new();
        let system = &instance.system;
        for (file, content) in [("tcp", TCP), ("tcp6", TCP), ("unix", UNIX)] {
            let content = match file {
                "tcp6" => content.replace(" 80 1\n", " 680 1\n"),
                _ => content.into(),
            };
            system
                .write(format!("/proc/net/{file}"), content.as_bytes(), 0o644)
                .unwrap();
        }
        system.make_folder("/proc/7/fd").unwrap();
        for (number, inode) in inodes.iter().enumerate() {
            let target = format!("socket:[{inode}]");
            system
                .link(Path::new(&target), format!("/proc/7/fd/{number}"))
                .unwrap();
        }
        !further_listeners(system, &[7], 80).is_empty()
    }

    #[test]
    fn every_listener_counts_except_the_inherited_one() {
        assert!(!holds(&["80", "99", "701", "702", "5"]));
        for own in ["443", "700", "680"] {
            assert!(holds(&["80", own]), "{own}");
        }
    }

    #[test]
    fn a_path_is_served_while_a_listener_has_it() {
        let instance = Instance::new();
        let system = &instance.system;
        system
            .write("/proc/net/unix", UNIX.as_bytes(), 0o644)
            .unwrap();
        assert!(is_served(system, "/run/x y.sock"));
        assert!(!is_served(system, "/run/x"));
        let gone = UNIX.replace("00010000", "00000000");
        system
            .write("/proc/net/unix", gone.as_bytes(), 0o644)
            .unwrap();
        assert!(!is_served(system, "/run/x y.sock"));
    }
}
