//! Makes the front run with what is on the disk: starts it, replaces it, or reloads it only if something has changed.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use flipless_settings::{FrontMode, layout};

use super::configuration::{Configuration, MAIN};
use super::front::{ask_for_reload, lock};
use super::postponed::Postponed;
use super::sockets::Address;
pub use super::synced::Synced;
use super::unit::{master, runs, start};
use super::view::View;
use super::{
    certificate, fallback, file_cache, flip, good, https, loaded, logs, names, postponed, program,
    public_port, retry, store, succession,
};
use crate::instance::output::say;
use crate::instance::paths::NGINX;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Makes sure that the front runs with the program, the sandbox and the configuration on disk. Starts, replaces or
/// reloads it if necessary. Stock EB restarts nginx in every deployment. So this also reloads nginx if it may have to
/// look up names, or open its logs or the files that it serves again. Postpones a step that would close a listener.
pub fn sync(system: &System) -> Result<Synced> {
    locked(system, "front-sync", || load(system, is_stale))
}

/// Does the same as [`sync`], but does not reload nginx for names, logs and open files, because `front-sync` has already
/// done so in this deployment.
pub fn settle(system: &System) -> Result<Synced> {
    locked(system, "commit", || load(system, |_, _, _| false))
}

/// Takes the step that was postponed earlier in the deployment. The last postdeploy hook calls this.
pub fn conclude(system: &System) -> Result<Synced> {
    locked(system, "front-settle", || load_postponed(system, 0))
}

/// Takes the postponed step if the last hook has not taken it in time: EB runs no hook after one that fails. Also
/// updates systemd's store, because a reload without the agent may change nginx's listeners. A timer calls this.
pub fn check(system: &System) -> Result<Synced> {
    in_nginx_mode(system, "front-check", || {
        // Without a master, the next start of the front updates the store.
        if let Ok(master) = master(system) {
            // Ignores a failure: the deployment has already warned of it, and the timer would repeat the warning
            // without end.
            let _ = store::sync(system, master);
        }
        match flip::may_copy(system)? {
            true => Ok(Synced::Unchanged),
            false => catch_up(system),
        }
    })
}

/// Takes the postponed step, loads a waiting certificate, and replaces the master if nginx has closed the public port.
fn catch_up(system: &System) -> Result<Synced> {
    let limit = system.settings()?.deploy.dead_man_seconds;
    let synced = load_postponed(system, limit)?;
    if synced != Synced::Unchanged || !Systemd::new(system).is_active(layout::FRONT)? {
        return Ok(synced);
    }
    // If nginx ends between these looks, its next start loads everything. Then the check has nothing to do, and an
    // error would only be noise in the log.
    let Ok(master) = master(system) else {
        return Ok(synced);
    };
    if public_port::is_lost(system, master)? {
        succession::replace(system).context("nginx no longer serves the public port")?;
        say(
            "warning: a reload had closed the public port, and a new process of nginx serves it again",
        );
        return Ok(Synced::Replaced);
    }
    certificate::load_waiting(system).map(|()| Synced::Unchanged)
}

/// Acts on the front in a deployment, and then gives systemd the listeners of nginx.
fn locked(system: &System, who: &str, act: impl FnOnce() -> Result<Synced>) -> Result<Synced> {
    in_nginx_mode(system, who, || {
        let synced = act()?;
        let systemd = Systemd::new(system);
        if systemd.is_active(layout::FRONT)? {
            // If the front has ended since this check, it gives systemd its listeners at its next start.
            if let Ok(master) = master(system) {
                store::sync_or_warn(system, master);
            }
            // A boot starts this timer. Without a boot since the first version, this command starts it.
            if !systemd.is_active(layout::LISTENERS_TIMER)? {
                systemd.start(layout::LISTENERS_TIMER)?;
            }
        }
        Ok(synced)
    })
}

/// Acts while it holds the lock of the front. Does nothing in another front mode.
fn in_nginx_mode(
    system: &System,
    who: &str,
    act: impl FnOnce() -> Result<Synced>,
) -> Result<Synced> {
    if system.settings()?.front.mode != FrontMode::Nginx {
        return Ok(Synced::NoFront);
    }
    let _lock = lock(system, who)?;
    act()
}

fn load(system: &System, is_stale: IsStale) -> Result<Synced> {
    https::tidy(system, NGINX)?;
    retry::tidy(system, NGINX)?;
    let synced = load_now(system, is_stale).map_err(|error| fallback::after(system, error))?;
    if synced != Synced::Postponed {
        keep(system)?;
    }
    Ok(synced)
}

/// Saves the configuration that the front has loaded, and notes the files of its program.
fn keep(system: &System) -> Result<()> {
    good::keep(system);
    match master(system) {
        Ok(master) => program::note_further(system, master),
        Err(_) => Ok(()),
    }
}

fn load_now(system: &System, is_stale: IsStale) -> Result<Synced> {
    if !runs(system)? {
        start(system)?;
        return postponed::forget(system).map(|()| Synced::Started);
    }
    let Some(step) = step(system, is_stale)? else {
        // The front already has what is on the disk, so a reload that an earlier deployment has postponed is obsolete.
        return postponed::forget(system).map(|()| Synced::Unchanged);
    };
    let master = master(system)?;
    let closing = postponed::closing(system, master);
    if closing.is_empty() {
        return take(system, step);
    }
    // EB's deployment has to fail now if nginx refuses the configuration.
    succession::test(system)?;
    postponed::note(system, master)?;
    say(&format!(
        "loading the new configuration now would close {}",
        list(&closing)
    ));
    Ok(Synced::Postponed)
}

/// Does what was postponed at least `age` seconds ago.
fn load_postponed(system: &System, age: u64) -> Result<Synced> {
    let postponed = Postponed::read(system)?.filter(|postponed| {
        let elapsed = system.commands().uptime().saturating_sub(postponed.since);
        elapsed >= age
    });
    // A timer calls this every 20 s, and there is rarely a note.
    let Some(postponed) = postponed else {
        return Ok(Synced::Unchanged);
    };
    if !runs(system)? {
        return Ok(Synced::Unchanged);
    }
    // If nginx has just ended, the timer looks again after its next start.
    let Ok(master) = master(system) else {
        return Ok(Synced::Unchanged);
    };
    let step = step(system, |_, _, _| true)?.unwrap_or(Step::Reload);
    if matches!(step, Step::Reload) && postponed.was_done(system, master)? {
        // A hook has reloaded nginx. Notes the digest from before the hook's changes, because EB's next flip removes
        // these changes.
        loaded::note(system, &postponed.digest)?;
        return postponed::forget(system).map(|()| Synced::Reloaded);
    }
    let before = postponed::listening(system, master);
    let synced = take(system, step).map_err(|error| fallback::after(system, error))?;
    keep(system)?;
    warn_of_closed(system, before);
    Ok(synced)
}

fn warn_of_closed(system: &System, mut closed: BTreeSet<Address>) {
    let after = master(system).map(|master| postponed::listening(system, master));
    let after = after.unwrap_or_default();
    closed.retain(|address| !after.contains(address));
    if !closed.is_empty() {
        say(&format!(
            "warning: nginx no longer listens on {}: neither the bundle's nginx files nor a hook of this deployment \
             has a `listen` for it\nhint: after a changed property EB runs the hooks in .platform/confighooks/, not \
             those in .platform/hooks/",
            list(&closed)
        ));
    }
}

fn list(addresses: &BTreeSet<Address>) -> String {
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}

/// A change of the running front.
enum Step {
    Replace,
    Update(String),
    Reload,
}

/// Decides whether a front with an unchanged configuration is reloaded, as [`is_stale`] does.
type IsStale = fn(&View, &Configuration, u32) -> bool;

/// Returns the step that the running front needs; `None` if it needs none.
fn step(system: &System, is_stale: IsStale) -> Result<Option<Step>> {
    if succession::sandbox_changed(system)? {
        return Ok(Some(Step::Replace));
    }
    let master = master(system)?;
    if let Some(file) = program::replaced(system, master)? {
        return Ok(Some(Step::Update(file)));
    }
    let view = View::of(system, master);
    let configuration = Configuration::in_force(&view);
    let reloads = !loaded::is_current(&view, &configuration)?
        || flip::was_mixed(&view, master)?
        || public_port::is_lost(system, master)?
        || is_stale(&view, &configuration, master);
    Ok(reloads.then_some(Step::Reload))
}

/// Returns whether a reload may change something although the configuration is the same: the address of a name, the
/// file into which nginx writes a log, or the files that nginx keeps open to serve them.
fn is_stale(view: &View, configuration: &Configuration, master: u32) -> bool {
    let tree = configuration.tree(MAIN);
    names::are_looked_up(&tree) || file_cache::is_on(&tree) || logs::were_moved(view, &tree, master)
}

/// Takes the step. The front then has everything that is on the disk.
fn take(system: &System, step: Step) -> Result<Synced> {
    let synced = match step {
        Step::Replace => {
            succession::replace(system)?;
            Synced::Replaced
        }
        Step::Update(file) => {
            succession::replace(system)
                .with_context(|| format!("cannot replace nginx after the update of {file}"))?;
            Synced::Updated
        }
        Step::Reload if must_inherit(system)? => {
            succession::replace(system)?;
            Synced::Replaced
        }
        Step::Reload => {
            ask_for_reload(system)?;
            Synced::Reloaded
        }
    };
    postponed::forget(system).map(|()| synced)
}

/// Returns whether only a new master can serve every address.
fn must_inherit(system: &System) -> Result<bool> {
    let master = master(system)?;
    Ok(postponed::is_blocked(system, master) || public_port::is_lost(system, master)?)
}

#[cfg(test)]
mod tests;
