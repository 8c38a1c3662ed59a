//! From one master of nginx to the next: after a crash, and for another sandbox.
//!
//! The workers of a killed master serve on. They hold its listeners: the public port, which the next master
//! inherits from systemd, too, and those that nginx opened itself, which the next master can't open beside them.

use std::os::unix::fs::FileTypeExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use flipless_settings::layout;

use super::listens::{self, Host, Listen};
use super::nginx::{self, Surroundings};
use super::unit::master;
use super::{loaded, processes, sandbox, sockets};
use crate::instance::digest::of_bytes;
use crate::instance::paths::NGINX;
use crate::instance::system::{Signal, System};
use crate::instance::systemd::Systemd;

/// The sandbox in which nginx runs.
const SANDBOX: &str = "/run/flipless/front-sandbox";
/// How long nginx may take until it has workers: names of upstreams are looked up before that. A second start, after
/// a failure, fits into the 90 s of the stand-in's start.
const START_LIMIT: Duration = Duration::from_secs(40);
/// How long old workers may take until they have closed their listeners.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// ESRCH (kill(2)).
const NO_SUCH_PROCESS: i32 = rustix::io::Errno::SRCH.raw_os_error();

/// Before nginx starts: notes configuration and sandbox, and makes way for its listeners. A change in between is
/// seen as a difference later, and reloaded.
pub fn starting(system: &System) -> Result<()> {
    loaded::note(system, &loaded::digest(system)?)?;
    system.write(SANDBOX, sandbox_now(system)?.as_bytes(), 0o644)?;
    // nginx itself tells what it refuses, and the old workers serve on.
    match nginx::dump(system) {
        Ok(dump) => make_way(system, &dump),
        Err(_) => Ok(()),
    }
}

/// Old workers that hold a listener of nginx's own end now: the next master would try to open it for 2.5 s
/// (ngx_open_listening_sockets), and give up. Connections to the public port wait in systemd's queue meanwhile.
fn make_way(system: &System, dump: &str) -> Result<()> {
    let public = system.settings()?.front.port;
    // Before anything ends: the public port is unserved from then on.
    let listens = listens::in_dump(dump, &format!("{NGINX}/nginx.conf"));
    let orphans = processes::orphans(system, std::process::id()).unwrap_or_default();
    if sockets::hold_more_than(system, &orphans, public) {
        quit(system, &orphans)?;
        let deadline = Instant::now() + CLOSE_LIMIT;
        while sockets::hold_more_than(system, &orphans, public) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    remove_stale_sockets(system, listens)
}

/// Only a master removes the file of a unix socket, and a killed one did not; nginx can't open it then
/// (ngx_close_listening_sockets in ngx_connection.c).
fn remove_stale_sockets(system: &System, listens: Vec<Listen>) -> Result<()> {
    for listen in listens {
        let Host::Unix(path) = listen.host else {
            continue;
        };
        let metadata = system.locate(&path).symlink_metadata();
        let is_socket = metadata.is_ok_and(|metadata| metadata.file_type().is_socket());
        if is_socket && !sockets::is_served(system, &path) {
            system.remove(&path)?;
        }
    }
    Ok(())
}

/// After nginx was started: waits for its workers, then lets those of a killed master finish and go.
pub fn started(system: &System, master: u32) -> Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    while processes::workers(system, master)?.is_empty() {
        if !processes::is_running(system, master) {
            bail!("nginx ended before it had workers");
        }
        if Instant::now() >= deadline {
            bail!("nginx has no workers after {} s", START_LIMIT.as_secs());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    quit(system, &processes::orphans(system, master)?)
}

fn quit(system: &System, pids: &[u32]) -> Result<()> {
    for pid in pids {
        // One that has ended meanwhile is what we want.
        match system.signal(*pid, Signal::Quit) {
            Err(error) if error.raw_os_error() != Some(NO_SUCH_PROCESS) => {
                return Err(error).context("cannot stop an old worker");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether nginx runs with another sandbox than its unit has: a mount namespace lasts as long as the process.
pub fn sandbox_changed(system: &System) -> Result<bool> {
    let noted = system.read(SANDBOX)?.unwrap_or_default();
    Ok(noted != sandbox_now(system)?.into_bytes())
}

fn sandbox_now(system: &System) -> Result<String> {
    Ok(of_bytes(sandbox::installed(system)?.join("\n").as_bytes()))
}

/// Has systemd start another master, in the sandbox of now. The old one is killed: a stop would wait for its
/// connections with the port unserved, while after a crash its workers serve until the next ones are there.
pub fn replace(system: &System) -> Result<()> {
    let surroundings = Surroundings {
        lines: sandbox::installed(system)?,
        ..Surroundings::default()
    };
    surroundings.run(system, &["-t", "-q"])?;
    let old = master(system)?;
    system
        .signal(old, Signal::Kill)
        .context("cannot replace nginx")?;
    let systemd = Systemd::new(system);
    let deadline = Instant::now() + START_LIMIT;
    loop {
        let is_new = master(system).is_ok_and(|new| new != old);
        if is_new && systemd.is_active(layout::FRONT)? {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let lines = systemd.last_lines(layout::FRONT, 10);
            bail!("nginx was not replaced:\n{lines}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests;
