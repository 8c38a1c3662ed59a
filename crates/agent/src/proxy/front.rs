//! Reloads the front, and keeps its pid files.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use flipless_settings::{FrontMode, layout};

use crate::instance::lock::{self, Lock};
use crate::instance::paths::PIDS;
use crate::instance::system::{Signal, System};
use crate::instance::systemd::Systemd;
use crate::instance::wait::wait_for;
use crate::proxy::configuration::{Configuration, MAIN};
use crate::proxy::postponed::Postponed;
use crate::proxy::unit::{master, runs};
use crate::proxy::view::View;
use crate::proxy::{flip, good, listens, loaded, nginx, port, postponed, processes, store};

/// The pid file in EB's nginx.conf.
const PID_FILE: &str = "/run/nginx.pid";
/// How long a reload may take until every worker is new.
const RELOAD_LIMIT: Duration = Duration::from_secs(20);
/// How long an agent waits while another agent holds the lock of the front.
const LOCK_LIMIT: Duration = Duration::from_secs(45);

/// Takes the lock of the front. `who` is the command, for the error message of a waiting agent.
pub fn lock(system: &System, who: &str) -> Result<Lock> {
    lock::take(system, "front.lock", who, LOCK_LIMIT)
}

/// Replaces EB's own nginx by the front. If nginx.service is active and the front is not, EB has started its own nginx
/// before the drop-in was installed. That nginx has the public port. A restart of nginx.service, as in EB's flip,
/// starts the stand-in, which starts the front.
pub fn replace_stock(system: &System) -> Result<()> {
    let systemd = Systemd::new(system);
    let is_stock = system.settings()?.front.mode == FrontMode::Nginx
        && matches!(
            systemd.state(layout::FRONT)?.as_str(),
            "inactive" | "failed"
        )
        && systemd.is_active(layout::NGINX)?;
    match is_stock {
        true => systemd.restart(layout::NGINX),
        false => Ok(()),
    }
}

/// Reloads the front, because another program has asked systemd to reload nginx.service. For example, certbot does so
/// after it has renewed a certificate. Reloads even if the digest of the configuration is unchanged, because the digest
/// may not cover the certificate.
pub fn renew(system: &System) -> Result<()> {
    let _lock = lock(system, "front-renew")?;
    if flip::may_copy(system)? {
        bail!(
            "EB is replacing nginx's files: nginx loads the new files later in EB's flip, and not now"
        );
    }
    if runs(system)? {
        ask_for_reload(system)?;
        good::keep(system);
        return postponed::forget(system);
    }
    // Before the first flip nginx.service runs EB's own nginx. This does the same as that unit's own ExecReload=.
    nginx::reload_stock(system)
}

/// Makes a running front load a certificate that has replaced another. Returns `true` if nginx has loaded the new
/// certificate, or will load it when it starts. After `false` the caller tries again later. The caller holds [`lock`].
pub fn load_certificate(system: &System) -> Result<bool> {
    // A reload now would close listeners that stay open until the postponed reload, or would load a mixture of two
    // configurations.
    if Postponed::read(system)?.is_some() || flip::may_copy(system)? {
        return Ok(false);
    }
    match Systemd::new(system).state(layout::FRONT)?.as_str() {
        // A flip has already loaded the certificate.
        "active" if has_loaded(system)? => Ok(true),
        "active" => match ask_for_reload(system) {
            // The flip has begun during the reload. The flip's own reload loads the certificate.
            Err(_) if flip::may_copy(system)? => Ok(false),
            reloaded => reloaded.map(|()| true),
        },
        "inactive" | "failed" => Ok(true),
        // An nginx that is starting or reloading may have read the old certificate already.
        _ => Ok(false),
    }
}

/// Reloads the front through systemd, so that the reload runs in the front's unit and not in the caller's.
pub fn ask_for_reload(system: &System) -> Result<()> {
    let reload = system.run("systemctl", &["reload", layout::FRONT])?;
    if !reload.status.success() || !has_loaded(system)? {
        let lines = Systemd::new(system).last_lines(layout::FRONT, 10);
        bail!("nginx refused the new configuration and continues with the old one:\n{lines}");
    }
    Ok(())
}

/// Returns whether the running nginx has loaded the configuration that is on the disk now.
fn has_loaded(system: &System) -> Result<bool> {
    let view = View::of(system, master(system)?);
    loaded::is_current(&view, &Configuration::in_force(&view))
}

/// Reloads nginx, and waits until every worker is new. SIGHUP alone would report success even if nginx then
/// refused the configuration.
///
/// Updates systemd's store of listeners before and after the reload (`store.rs`). An earlier reload without the agent
/// may have closed an address. As long as the store holds this address, nginx can't open it again.
pub fn reload(system: &System) -> Result<()> {
    let master = master(system)?;
    store::sync_or_warn(system, master);
    let view = View::of(system, master);
    let may_copy = flip::may_copy(system)?;
    let digest = loaded::digest(&view, &Configuration::in_force(&view))?;
    let listens = listens::in_dump(&nginx::dump(system)?, MAIN);
    // Without the public port in its configuration, nginx would close its copy of the port, and clients would wait in
    // the queue of systemd's copy.
    port::serves(&listens, system.settings()?.front.port)?;
    let old = processes::workers(system, master)?;
    // If this agent ends before it has recorded the outcome, the next comparison must find a difference.
    loaded::forget(system)?;
    system
        .signal(master, Signal::Hangup)
        .context("cannot signal nginx")?;
    let replaced = wait_for(RELOAD_LIMIT, Duration::from_millis(10), || {
        // systemd starts no other nginx before this reload ends, so there is nothing to wait for.
        if !processes::is_running(system, master) {
            bail!("nginx ended during the reload");
        }
        let now = processes::workers(system, master)?;
        let all_new = !now.is_empty() && now.iter().all(|worker| !old.contains(worker));
        Ok(all_new.then_some(()))
    })?;
    match replaced {
        Some(()) => {
            store::sync_or_warn(system, master);
            if !may_copy && flip::may_copy(system)? {
                bail!(
                    "EB began to replace nginx's files during this reload: nginx loads the new files later in EB's flip"
                );
            }
            loaded::note(system, &digest)
        }
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

/// Writes the pid file in which EB looks for the process `name`. The drop-in has replaced EB's own line that wrote the
/// file.
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
