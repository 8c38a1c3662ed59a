//! A model of nginx's processes and of the sockets that they and systemd hold, as /proc shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// systemd's process.
pub const SYSTEMD: u32 = 1;

/// Returns the number of a new process or socket.
fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn folder(root: &Path, pid: u32) -> PathBuf {
    root.join(format!("proc/{pid}"))
}

/// Adds a process in the front's control group.
pub fn add(root: &Path, pid: u32, parent: u32, title: &str) {
    let folder = folder(root, pid);
    fs::create_dir_all(folder.join("fd")).unwrap();
    fs::write(folder.join("cmdline"), format!("{title}\0")).unwrap();
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let ticks = now.tv_sec * 100 + now.tv_nsec / 10_000_000;
    // The start time is the 22nd field (proc_pid_stat(5)).
    let stat = format!("{pid} (nginx) S {parent}{} {ticks} 0", " 0".repeat(17));
    fs::write(folder.join("stat"), stat).unwrap();
    fs::write(folder.join("cgroup"), "0::/front").unwrap();
}

/// Ends a process. The children of a master lose their parent.
pub fn end(root: &Path, pid: u32) {
    let _ = fs::remove_dir_all(folder(root, pid));
    for child in children(root, pid) {
        let path = folder(root, child).join("stat");
        let stat = fs::read_to_string(&path).unwrap();
        let orphan = stat.replacen(&format!(" S {pid} "), " S 1 ", 1);
        fs::write(path, orphan).unwrap();
    }
    close_unused(root);
}

fn children(root: &Path, parent: u32) -> Vec<u32> {
    let is_child = |pid: &u32| {
        let stat = fs::read_to_string(folder(root, *pid).join("stat"));
        stat.is_ok_and(|stat| stat.contains(&format!(" S {parent} ")))
    };
    all(root).into_iter().filter(is_child).collect()
}

fn all(root: &Path) -> Vec<u32> {
    let names = fs::read_dir(root.join("proc")).into_iter().flatten();
    let names = names.map(|entry| entry.unwrap().file_name());
    names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect()
}

/// Returns the inodes of a process's sockets, with the paths of their descriptors.
fn sockets(root: &Path, pid: u32) -> BTreeMap<u32, PathBuf> {
    let links = fs::read_dir(folder(root, pid).join("fd"))
        .into_iter()
        .flatten();
    let links = links.map(|entry| entry.unwrap().path());
    let inode = |link: &PathBuf| {
        let target = fs::read_link(link).unwrap();
        let inode = target.to_str()?.strip_prefix("socket:[")?;
        inode.strip_suffix(']')?.parse().ok()
    };
    links
        .filter_map(|link| Some((inode(&link)?, link)))
        .collect()
}

fn hold(root: &Path, pid: u32, inode: u32) {
    let folder = folder(root, pid).join("fd");
    fs::create_dir_all(&folder).unwrap();
    let link = folder.join(inode.to_string());
    if !sockets(root, pid).contains_key(&inode) {
        symlink(format!("socket:[{inode}]"), link).unwrap();
    }
}

fn table(root: &Path) -> BTreeMap<u32, SocketAddrV4> {
    let text = fs::read_to_string(root.join("proc/1/net/tcp")).unwrap_or_default();
    let lines = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (host, port) = fields[1].split_once(':').unwrap();
        let host = u32::from_str_radix(host, 16).unwrap().to_ne_bytes();
        let port = u16::from_str_radix(port, 16).unwrap();
        (
            fields[9].parse().unwrap(),
            SocketAddrV4::new(host.into(), port),
        )
    });
    lines.collect()
}

fn put_table(root: &Path, table: &BTreeMap<u32, SocketAddrV4>) {
    let lines = table.iter().map(|(inode, address)| {
        let host = u32::from_ne_bytes(address.ip().octets());
        let port = address.port();
        format!("0: {host:08X}:{port:04X} 00000000:0000 0A 0:0 0:0 0 0 0 {inode} 1\n")
    });
    let text = format!("sl local_address\n{}", lines.collect::<String>());
    fs::create_dir_all(root.join("proc/1/net")).unwrap();
    fs::write(root.join("proc/1/net/tcp"), text).unwrap();
}

fn close_unused(root: &Path) {
    let held: BTreeSet<u32> = all(root)
        .into_iter()
        .flat_map(|pid| sockets(root, pid).into_keys())
        .collect();
    let mut open = table(root);
    open.retain(|inode, _| held.contains(inode));
    put_table(root, &open);
}

/// Opens a listener. Returns `false` if the address is in use.
pub fn open(root: &Path, pid: u32, address: SocketAddrV4) -> bool {
    let mut open = table(root);
    let is_wild = |address: &SocketAddrV4| address.ip().is_unspecified();
    let conflicts = |other: &SocketAddrV4| {
        other.port() == address.port() && (*other == address || is_wild(other) || is_wild(&address))
    };
    if open.values().any(conflicts) {
        return false;
    }
    let inode = next();
    open.insert(inode, address);
    put_table(root, &open);
    hold(root, pid, inode);
    true
}

/// Closes a process's copies of all listeners except those at the `kept` addresses.
fn close_except(root: &Path, pid: u32, kept: &[SocketAddrV4]) {
    let open = table(root);
    for (inode, link) in sockets(root, pid) {
        if open.get(&inode).is_some_and(|own| !kept.contains(own)) {
            fs::remove_file(link).unwrap();
        }
    }
    close_unused(root);
}

/// Returns the address of a port on every interface.
pub fn any(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)
}

/// Returns the ports of the listeners that a process holds.
pub fn ports(root: &Path, pid: u32) -> Vec<u16> {
    let listeners = listeners(root, pid).into_iter();
    listeners.map(|address| address.port()).collect()
}

/// Returns the addresses of the listeners that a process holds.
pub fn listeners(root: &Path, pid: u32) -> Vec<SocketAddrV4> {
    let open = table(root);
    let mut ports: Vec<_> = sockets(root, pid)
        .keys()
        .filter_map(|inode| open.get(inode).copied())
        .collect();
    ports.sort_unstable();
    ports
}

/// Puts a copy of a descriptor into systemd's store. The copy's number is the inode of the socket. [`drop`] finds the
/// copy, because its argument `name` ends with this inode.
pub fn keep(root: &Path, (pid, descriptor): (u32, i32), _: &str) {
    let link = folder(root, pid).join(format!("fd/{descriptor}"));
    let sockets = sockets(root, pid).into_iter();
    let inode = sockets.filter(|(_, other)| *other == link);
    hold(
        root,
        SYSTEMD,
        inode.map(|(inode, _)| inode).next().expect("a socket"),
    );
}

/// Closes the descriptor of this name in systemd's store.
pub fn drop(root: &Path, name: &str) {
    let inode = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let _ = fs::remove_file(folder(root, SYSTEMD).join("fd").join(inode));
    close_unused(root);
}

/// Gives a process every listener of systemd.
pub fn inherit(root: &Path, pid: u32) {
    for inode in sockets(root, SYSTEMD).into_keys() {
        hold(root, pid, inode);
    }
}

/// Starts a master, which inherits every listener of systemd, opens the missing ones, and closes those that it does not
/// need. Returns `false` if a port is in use.
pub fn start(root: &Path, master: u32, wanted: &[SocketAddrV4]) -> bool {
    add(root, master, SYSTEMD, "nginx: master process");
    inherit(root, master);
    load(root, master, wanted)
}

/// Makes a master load its configuration and replace its workers. Changes nothing and returns `false` if a port is in
/// use.
pub fn load(root: &Path, master: u32, wanted: &[SocketAddrV4]) -> bool {
    let own = listeners(root, master);
    let new: Vec<_> = wanted.iter().filter(|new| !own.contains(new)).collect();
    if !new.iter().all(|address| open(root, master, **address)) {
        close_except(root, master, &own);
        return false;
    }
    close_except(root, master, wanted);
    let worker = next();
    for old in children(root, master) {
        end(root, old);
    }
    add(root, worker, master, "nginx: worker process");
    for inode in sockets(root, master).into_keys() {
        hold(root, worker, inode);
    }
    true
}

/// Returns the addresses in nginx.conf.
pub fn wanted(root: &Path) -> Vec<SocketAddrV4> {
    let text = fs::read_to_string(root.join("etc/nginx/nginx.conf")).unwrap_or_default();
    let mut words = text.split([' ', ';']);
    let mut ports = Vec::new();
    while let Some(word) = words.next() {
        if word == "listen" {
            let word = words.next().unwrap();
            let address = word.parse().unwrap_or_else(|_| any(word.parse().unwrap()));
            ports.push(address);
        }
    }
    ports
}
