//! The front: starts the real nginx, and reloads it only if its configuration has changed.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use flipless_settings::{FrontMode, layout};

use crate::instance::lock::{self, Lock};
use crate::instance::paths::{NGINX, PIDS};
use crate::instance::system::{Signal, System};
use crate::instance::systemd::Systemd;
use crate::instance::wait::wait_for;
use crate::proxy::configuration::{Configuration, MAIN};
use crate::proxy::unit::{master, start};
use crate::proxy::{
    fallback, good, loaded, logs, names, nginx, processes, program, retry, succession,
};

/// The pid file in EB's nginx.conf.
const PID_FILE: &str = "/run/nginx.pid";
/// The time limit for a reload: until then every worker must be new.
const RELOAD_LIMIT: Duration = Duration::from_secs(20);
/// How long an agent waits while another agent holds the lock of the front.
const LOCK_LIMIT: Duration = Duration::from_secs(45);

/// Takes the lock of the front. `who` is the command, for the error message of a waiting agent.
pub fn lock(system: &System, who: &str) -> Result<Lock> {
    lock::take(system, "front.lock", who, LOCK_LIMIT)
}

/// Replaces EB's own nginx by the front. EB's nginx has the public port if nginx.service is active and the front
/// is not: EB has then started it before the drop-in was installed. A restart of nginx.service, as in EB's flip,
/// starts the stand-in, which starts the front.
pub fn replace_stock(system: &System) -> Result<()> {
    let systemd = Systemd::new(system);
    let is_stock = system.settings()?.front.mode == FrontMode::Nginx
        && !systemd.is_active(layout::FRONT)?
        && systemd.is_active(layout::NGINX)?;
    match is_stock {
        true => systemd.restart(layout::NGINX),
        false => Ok(()),
    }
}

/// The result of [`sync`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// There is no front in this front mode.
    NoFront,
    /// The front was not running, and is started.
    Started,
    /// The configuration, the address of a name or a log may have changed, and the front has loaded it.
    Reloaded,
    /// The sandbox had changed, and a new master process runs in it.
    Replaced,
    /// The program or one of its libraries had changed, and a new master process has loaded it.
    Updated,
    /// The front already runs with the configuration on disk.
    Unchanged,
}

impl std::fmt::Display for Synced {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NoFront => "this front mode uses EB's own nginx",
            Self::Started => "nginx started",
            Self::Reloaded => "nginx reloaded",
            Self::Replaced => "nginx restarted with the sandbox of this bundle",
            Self::Updated => "nginx restarted, since its program or a library was updated",
            Self::Unchanged => "nginx already has this configuration",
        })
    }
}

/// Makes sure that the front runs with the program, the sandbox and the configuration on disk. Starts, replaces or
/// reloads it if necessary. Stock EB restarts nginx in every deployment, so this also renews addresses and logs.
pub fn sync(system: &System) -> Result<Synced> {
    sync_with(system, is_stale)
}

/// Does the same as [`sync`], but does not renew addresses and logs: an earlier step of the deployment has already
/// renewed them.
pub fn settle(system: &System) -> Result<Synced> {
    sync_with(system, |_| false)
}

/// Returns whether a reload may change something although the configuration is the same: the address of a name, or
/// the file into which nginx writes a log.
fn is_stale(system: &System) -> bool {
    let tree = Configuration::in_force(system).tree(MAIN);
    let were_moved = |master| logs::were_moved(system, &tree, master);
    names::are_looked_up(&tree) || master(system).is_ok_and(were_moved)
}

fn sync_with(system: &System, is_stale: fn(&System) -> bool) -> Result<Synced> {
    if system.settings()?.front.mode != FrontMode::Nginx {
        return Ok(Synced::NoFront);
    }
    let _lock = lock(system, "front-sync")?;
    retry::tidy(system, NGINX)?;
    match load(system, is_stale) {
        Ok(synced) => {
            good::keep(system);
            if let Ok(master) = master(system) {
                program::note_further(system, master)?;
            }
            Ok(synced)
        }
        Err(error) => Err(fallback::after(system, error)),
    }
}

fn load(system: &System, is_stale: fn(&System) -> bool) -> Result<Synced> {
    let systemd = Systemd::new(system);
    if !systemd.is_active(layout::FRONT)? {
        start(system)?;
        return Ok(Synced::Started);
    }
    if succession::sandbox_changed(system)? {
        succession::replace(system)?;
        return Ok(Synced::Replaced);
    }
    if let Some(file) = program::replaced(system, master(system)?)? {
        succession::replace(system)
            .with_context(|| format!("cannot replace nginx after the update of {file}"))?;
        return Ok(Synced::Updated);
    }
    if loaded::is_current(system)? && !is_stale(system) {
        return Ok(Synced::Unchanged);
    }
    ask_for_reload(system)?;
    Ok(Synced::Reloaded)
}

/// Reloads the front, because nginx.service is reloaded. For example, certbot requests this after it has renewed a
/// certificate. Reloads even if no digest has changed, because a digest may not contain the certificate.
pub fn renew(system: &System) -> Result<()> {
    let _lock = lock(system, "front-renew")?;
    if Systemd::new(system).is_active(layout::FRONT)? {
        return ask_for_reload(system).map(|()| good::keep(system));
    }
    // Before the first flip nginx.service runs EB's own nginx. This does the same as that unit's own ExecReload=.
    nginx::reload_stock(system)
}

/// Reloads the front through systemd, so that the reload runs in the front's unit and not in the caller's.
fn ask_for_reload(system: &System) -> Result<()> {
    let reload = system.run("systemctl", &["reload", layout::FRONT])?;
    if !reload.status.success() || !loaded::is_current(system)? {
        let lines = Systemd::new(system).last_lines(layout::FRONT, 10);
        bail!("nginx refused the new configuration and continues with the old one:\n{lines}");
    }
    Ok(())
}

/// Reloads nginx, and waits until every worker is new. SIGHUP alone would report success even if nginx then
/// refused the configuration.
pub fn reload(system: &System) -> Result<()> {
    let master = master(system)?;
    let digest = loaded::digest(system)?;
    nginx::test(system)?;
    let old = processes::workers(system, master)?;
    system
        .signal(master, Signal::Hangup)
        .context("cannot signal nginx")?;
    let replaced = wait_for(RELOAD_LIMIT, Duration::from_millis(10), || {
        let now = processes::workers(system, master)?;
        let all_new = !now.is_empty() && now.iter().all(|worker| !old.contains(worker));
        Ok(all_new.then_some(()))
    })?;
    match replaced {
        Some(()) => loaded::note(system, &digest),
        None => bail!(
            "nginx kept its old workers for {} s after the reload",
            RELOAD_LIMIT.as_secs()
        ),
    }
}

/// Writes the pid of the real nginx into the pid file again. When EB's own nginx ends, it removes this file, even
/// if the front has already written its pid.
pub fn repair_pid_file(system: &System) -> Result<()> {
    if system.settings()?.front.mode != FrontMode::Nginx {
        return Ok(());
    }
    let pid = format!("{}\n", master(system)?);
    if system.read(PID_FILE)?.as_deref() != Some(pid.as_bytes()) {
        system.write(PID_FILE, pid.as_bytes(), 0o644)?;
    }
    Ok(())
}

/// Writes the pid file in which EB looks for the pid. The drop-in has replaced EB's own line that wrote the file.
pub fn record_pid(system: &System, name: &str, pid: u32) -> Result<()> {
    if !system.exists(PIDS) {
        return Ok(());
    }
    system.write(
        format!("{PIDS}/{name}.pid"),
        format!("{pid}\n").as_bytes(),
        0o644,
    )
}

#[cfg(test)]
mod tests;
