//! The change from one master process of nginx to the next, after a crash, for another sandbox or for an update.
//!
//! The workers of a killed master continue to serve. The new master inherits every listener from systemd (`store.rs`).

use std::time::Duration;

use anyhow::{Context, Result, bail};
use flipless_settings::layout;

use super::configuration::{Configuration, MAIN};
use super::nginx::{self, Surroundings};
use super::unit::master;
use super::view::View;
use super::{flip, listens, loaded, port, processes, program, sandbox, sockets, store};
use crate::instance::digest::of_bytes;
use crate::instance::output::say;
use crate::instance::system::{Signal, System};
use crate::instance::systemd::Systemd;
use crate::instance::wait::wait_for;

/// The file with the digest of the sandbox in which nginx runs.
const SANDBOX: &str = "/run/flipless/front-sandbox";
/// How long nginx may take until it has workers. Before that, it looks up the names of upstreams. Two such starts fit
/// into the 90 s that the start of the stand-in may take.
const START_LIMIT: Duration = Duration::from_secs(40);
/// How long old workers may take until they have closed their listeners.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// The pause between two looks at processes that start or end within milliseconds.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// ESRCH (kill(2)).
const NO_SUCH_PROCESS: i32 = rustix::io::Errno::SRCH.raw_os_error();

/// Prepares a start of nginx: records the digests of configuration and sandbox, and frees the addresses that nginx
/// needs. If a file changes before nginx reads it, the next comparison finds a difference and causes a reload.
///
/// nginx must start in any case, so a failure is only a warning.
pub fn starting(system: &System) {
    or_warn("record what nginx loads", record(system));
    // If nginx refuses the configuration, its start reports the error, and the old workers continue to serve.
    if let Ok(dump) = nginx::dump(system) {
        or_warn(
            "free the addresses that nginx needs",
            make_way(system, &dump),
        );
    }
}

fn record(system: &System) -> Result<()> {
    // nginx does not run yet, so this uses the agent's own view of the files.
    let view = View::own(system);
    // After a crash of nginx during EB's copy, the flip has to load the files again.
    match flip::may_copy(system)? {
        true => loaded::forget(system)?,
        false => loaded::note(
            system,
            &loaded::digest(&view, &Configuration::in_force(&view))?,
        )?,
    }
    system.write(SANDBOX, sandbox_now(system)?.as_bytes(), 0o644)
}

fn or_warn(what: &str, done: Result<()>) {
    if let Err(error) = done {
        say(&format!("warning: cannot {what}: {error:#}"));
    }
}

/// Gives systemd the listeners of old workers that systemd lacks, because nginx has opened them since the agent's last
/// look. Ends the old workers if that is impossible, or if an old listener blocks an address of the new configuration.
/// Otherwise the new master would try to open its listeners for 2.5 s (ngx_open_listening_sockets), and then fail. Once
/// the workers have ended, connections to the public port wait in systemd's queue.
fn make_way(system: &System, dump: &str) -> Result<()> {
    // Parses the dump first, because no process serves the public port after the workers have ended.
    let listens = listens::in_dump(dump, MAIN);
    let own = std::process::id();
    let orphans = processes::orphans(system, own).unwrap_or_default();
    let is_held = store::add(system, own, &orphans).is_ok();
    let was_free = store::make_way(system, own, &listens);
    if !is_held || !matches!(was_free, Ok(true)) {
        quit(system, &orphans)?;
        // After the limit, nginx itself reports that it can't open the listener.
        wait_for(CLOSE_LIMIT, LOOK_AGAIN, || {
            Ok(sockets::held(system, &orphans).is_empty().then_some(()))
        })?;
    }
    sockets::remove_unserved(system, listens::unix_paths(&listens))?;
    was_free.map(drop)
}

/// Completes a start of nginx: waits for its workers, records its program and gives systemd its listeners. Then makes
/// the workers of a killed master finish. By then the new master has opened every listener, because nginx starts its
/// workers only afterwards.
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
    // nginx serves already, so a failure is only a warning.
    or_warn("record the program of nginx", program::note(system, master));
    store::sync_or_warn(system, master);
    let quit = processes::orphans(system, master).and_then(|orphans| quit(system, &orphans));
    or_warn("end the old workers of nginx", quit);
    Ok(())
}

fn quit(system: &System, pids: &[u32]) -> Result<()> {
    for pid in pids {
        // Ignores a process that has already ended.
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

/// Tests the configuration on disk, with the sandbox and the program on disk. The configuration must also listen on
/// the public port.
pub fn test(system: &System) -> Result<()> {
    let surroundings = Surroundings {
        lines: sandbox::installed(system)?,
        ..Surroundings::default()
    };
    let dump = surroundings.run(system, &["-T", "-q"])?;
    let listens = listens::in_dump(&dump, MAIN);
    Ok(port::serves(&listens, system.settings()?.front.port)?)
}

/// Replaces the master by one with the sandbox and the program on disk, if nginx accepts the configuration with them.
/// Kills the old master, and systemd starts another: the old workers serve until the new ones run. During a normal stop
/// no process would accept connections.
pub fn replace(system: &System) -> Result<()> {
    test(system)?;
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
