//! The change from one master process of nginx to the next, after a crash, for another sandbox or for an update.
//!
//! The workers of a killed master continue to serve, and keep its listeners open. The new master inherits the public
//! port from systemd, and the listeners that nginx opened itself from the old workers.

use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use flipless_settings::layout;

use super::listens::{self, Host, Listen};
use super::nginx::{self, Surroundings};
use super::unit::master;
use super::{listeners, loaded, processes, program, sandbox, sockets};
use crate::instance::digest::of_bytes;
use crate::instance::paths::NGINX;
use crate::instance::system::{Signal, System};
use crate::instance::systemd::Systemd;
use crate::instance::wait::wait_for;

/// The file with the digest of the sandbox in which nginx runs.
const SANDBOX: &str = "/run/flipless/front-sandbox";
/// How long nginx may take until it has workers. Before that, it looks up the names of upstreams. Two starts fit
/// into the 90 s of the stand-in's start.
const START_LIMIT: Duration = Duration::from_secs(40);
/// How long old workers may take until they have closed their listeners.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// The pause between two looks at processes that start or end within milliseconds.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// ESRCH (kill(2)).
const NO_SUCH_PROCESS: i32 = rustix::io::Errno::SRCH.raw_os_error();

/// Prepares a start of nginx: records the digests of configuration and sandbox, and passes on nginx's listeners. If a
/// file changes before nginx reads it, the next comparison finds a difference and causes a reload.
pub fn starting(system: &System) -> Result<()> {
    loaded::note(system, &loaded::digest(system)?)?;
    system.write(SANDBOX, sandbox_now(system)?.as_bytes(), 0o644)?;
    // If nginx refuses the configuration, its start reports the error, and the old workers continue to serve.
    match nginx::dump(system) {
        Ok(dump) => make_way(system, &dump),
        Err(_) => Ok(()),
    }
}

/// Passes on the listeners of old workers. If that is impossible, ends these workers: the new master would try to open
/// their listeners for 2.5 s (ngx_open_listening_sockets), and then fail. Meanwhile connections to the public port
/// wait in systemd's queue.
fn make_way(system: &System, dump: &str) -> Result<()> {
    let public = system.settings()?.front.port;
    // Parses the dump before it ends the workers, because then no process serves the public port.
    let listens = listens::in_dump(dump, &format!("{NGINX}/nginx.conf"));
    let orphans = processes::orphans(system, std::process::id()).unwrap_or_default();
    let further = || sockets::further_listeners(system, &orphans, public);
    if listeners::pass_on(system, &further()).is_err() {
        listeners::take_back(system)?;
        quit(system, &orphans)?;
        // After the limit, nginx itself reports that it can't open the listener.
        wait_for(CLOSE_LIMIT, LOOK_AGAIN, || {
            Ok(further().is_empty().then_some(()))
        })?;
    }
    remove_stale_sockets(system, listens)
}

/// Removes the files of unix sockets that no process serves. nginx can't open a socket whose file exists, and a
/// killed master does not remove the file (ngx_close_listening_sockets in ngx_connection.c).
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

/// Completes a start of nginx: waits for its workers, records its program, and then lets the workers of a killed
/// master finish.
pub fn started(system: &System, master: u32) -> Result<()> {
    let has_workers = wait_for(START_LIMIT, LOOK_AGAIN, || {
        if !processes::workers(system, master)?.is_empty() {
            return Ok(Some(()));
        }
        match processes::is_running(system, master) {
            true => Ok(None),
            false => bail!("nginx ended before it had workers"),
        }
    })?;
    if has_workers.is_none() {
        bail!("nginx has no workers after {} s", START_LIMIT.as_secs());
    }
    program::note(system, master)?;
    listeners::take_back(system)?;
    quit(system, &processes::orphans(system, master)?)
}

fn quit(system: &System, pids: &[u32]) -> Result<()> {
    for pid in pids {
        // A process that has already ended is no error.
        match system.signal(*pid, Signal::Quit) {
            Err(error) if error.raw_os_error() != Some(NO_SUCH_PROCESS) => {
                return Err(error).context("cannot stop an old worker");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns whether nginx runs in another sandbox than its unit describes. A running process keeps its mount
/// namespace.
pub fn sandbox_changed(system: &System) -> Result<bool> {
    let noted = system.read(SANDBOX)?.unwrap_or_default();
    Ok(noted != sandbox_now(system)?.into_bytes())
}

fn sandbox_now(system: &System) -> Result<String> {
    Ok(of_bytes(sandbox::installed(system)?.join("\n").as_bytes()))
}

/// Replaces the master by one with the sandbox and the program on disk, if nginx accepts the configuration there:
/// kills the old master, and systemd starts another. During a normal stop no process would accept connections. After
/// a kill the old workers serve until the new ones run.
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
    let replaced = wait_for(START_LIMIT, Duration::from_millis(20), || {
        let is_new = master(system).is_ok_and(|new| new != old);
        Ok((is_new && systemd.is_active(layout::FRONT)?).then_some(()))
    })?;
    match replaced {
        Some(()) => Ok(()),
        None => bail!(
            "nginx was not replaced:\n{}",
            systemd.last_lines(layout::FRONT, 10)
        ),
    }
}

#[cfg(test)]
mod tests;
