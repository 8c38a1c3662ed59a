//! The front: the real nginx is started, reloaded only for a changed configuration, and ended.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use flipless_settings::{FrontMode, layout};

use crate::instance::lock::{self, Lock};
use crate::instance::paths::{NGINX, PIDS};
use crate::instance::system::{Signal, System};
use crate::instance::systemd::Systemd;
use crate::proxy::unit::{master, start};
use crate::proxy::{fallback, good, loaded, nginx, processes, retry, succession};

/// What EB's nginx.conf names.
const PID_FILE: &str = "/run/nginx.pid";
/// How long a reload may take until every worker is a new one.
const RELOAD_LIMIT: Duration = Duration::from_secs(20);
/// How long one agent waits for another's reload.
const LOCK_LIMIT: Duration = Duration::from_secs(45);

/// Holds others off the front; `who` is told to those who wait.
pub fn lock(system: &System, who: &str) -> Result<Lock> {
    lock::take(system, "front.lock", who, LOCK_LIMIT)
}

/// Where nginx.service runs, and the front does not, EB's own nginx has the public port: the drop-in
/// came after EB had started it. A restart is what EB's flip does, and the stand-in starts the front.
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

/// What a sync found or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// The front mode has no front.
    NoFront,
    /// nginx was not running.
    Started,
    /// nginx had another configuration.
    Reloaded,
    /// nginx had another sandbox.
    Replaced,
    /// nginx has the configuration on disk.
    Unchanged,
}

impl std::fmt::Display for Synced {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NoFront => "nginx is EB's own",
            Self::Started => "nginx started",
            Self::Reloaded => "nginx reloaded",
            Self::Replaced => "nginx replaced by one with the sandbox of this bundle",
            Self::Unchanged => "nginx has the configuration already",
        })
    }
}

/// Makes sure that the real nginx serves with the configuration on disk: starts it, reloads it, or
/// finds nothing to do.
pub fn sync(system: &System) -> Result<Synced> {
    if system.settings()?.front.mode != FrontMode::Nginx {
        return Ok(Synced::NoFront);
    }
    let _lock = lock(system, "front-sync")?;
    retry::tidy(system, NGINX)?;
    match load(system) {
        Ok(synced) => {
            good::keep(system);
            Ok(synced)
        }
        Err(error) => Err(fallback::after(system, error)),
    }
}

fn load(system: &System) -> Result<Synced> {
    let systemd = Systemd::new(system);
    if !systemd.is_active(layout::FRONT)? {
        start(system)?;
        return Ok(Synced::Started);
    }
    if succession::sandbox_changed(system)? {
        succession::replace(system)?;
        return Ok(Synced::Replaced);
    }
    if loaded::is_current(system)? {
        return Ok(Synced::Unchanged);
    }
    ask_for_reload(system)?;
    Ok(Synced::Reloaded)
}

/// Reloads the real nginx because nginx.service is reloaded, by certbot for example, whose new certificate
/// no digest of ours may know.
pub fn renew(system: &System) -> Result<()> {
    let _lock = lock(system, "front-renew")?;
    if Systemd::new(system).is_active(layout::FRONT)? {
        return ask_for_reload(system).map(|()| good::keep(system));
    }
    // Before the first flip nginx.service runs EB's own nginx; this is its own ExecReload=.
    nginx::reload_stock(system)
}

/// Through systemd: the reload then runs in the front's unit, not in that of the caller.
fn ask_for_reload(system: &System) -> Result<()> {
    let reload = system.run("systemctl", &["reload", layout::FRONT])?;
    if !reload.status.success() || !loaded::is_current(system)? {
        let lines = Systemd::new(system).last_lines(layout::FRONT, 10);
        bail!("nginx refused the new configuration and continues with the old one:\n{lines}");
    }
    Ok(())
}

/// Reloads nginx, and waits until every worker is a new one: SIGHUP by itself reports success also
/// for a file that nginx then refuses.
pub fn reload(system: &System) -> Result<()> {
    let master = master(system)?;
    let digest = loaded::digest(system)?;
    nginx::test(system)?;
    let old = processes::workers(system, master)?;
    system
        .signal(master, Signal::Hangup)
        .context("cannot signal nginx")?;
    let deadline = Instant::now() + RELOAD_LIMIT;
    loop {
        let now = processes::workers(system, master)?;
        if !now.is_empty() && now.iter().all(|worker| !old.contains(worker)) {
            return loaded::note(system, &digest);
        }
        if Instant::now() >= deadline {
            bail!(
                "nginx kept its old workers for {} s after the reload",
                RELOAD_LIMIT.as_secs()
            );
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Makes the pid file name the real nginx again: a stock nginx that quits removes it, even when its
/// successor has written it.
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

/// Writes the pid file that EB looks for; the drop-in replaced the line of EB's that wrote it.
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
