//! A reload that waits for the end of the postdeploy hooks. EB rewrites /etc/nginx in each flip, and a hook, such as
//! certbot's, may add a listener there again. If nginx loaded the configuration in the flip, it would close the
//! listener until the hook has run.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::Result;

use super::configuration::{Configuration, MAIN};
use super::listens::{self, Listen};
use super::sockets::{self, Address};
use super::view::View;
use super::{loaded, processes};
use crate::instance::system::System;

/// The note about the reload. A reboot removes it, and nginx then starts with the configuration on the disk.
const NOTE: &str = "/run/flipless/front-postponed";

/// A postponed reload.
#[derive(Debug, PartialEq, Eq)]
pub struct Postponed {
    /// The time since the boot at which the reload was postponed, in seconds.
    pub since: u64,
    /// The digest of the configuration that nginx has to load.
    pub digest: String,
    /// The workers that had the old configuration.
    workers: BTreeSet<u32>,
}

impl Postponed {
    pub fn read(system: &System) -> Result<Option<Self>> {
        let text = system.read(NOTE)?.unwrap_or_default();
        Ok(parse(&String::from_utf8_lossy(&text)))
    }

    /// Returns whether another program has reloaded nginx since the note was written, and no file has changed after
    /// that reload. If a file has changed, a later hook may have added a listener.
    pub fn was_done(&self, system: &System, master: u32) -> Result<bool> {
        let now = processes::workers(system, master)?;
        if now.is_empty() || now.iter().any(|worker| self.workers.contains(worker)) {
            return Ok(false);
        }
        let starts = now.iter().map(|worker| processes::start(system, *worker));
        // A worker whose start is unknown has already ended.
        let Some(first) = starts.min().flatten() else {
            return Ok(false);
        };
        let view = View::of(system, master);
        let configuration = Configuration::in_force(&view);
        Ok(!loaded::changed_since(&view, &configuration, first))
    }
}

/// Notes that a reload is postponed.
pub fn note(system: &System, master: u32) -> Result<()> {
    let view = View::of(system, master);
    let digest = loaded::digest(&view, &Configuration::in_force(&view))?;
    let mut text = format!("{}\n{digest}\n", system.commands().uptime());
    for worker in processes::workers(system, master)? {
        let _ = writeln!(text, "{worker}");
    }
    system.write(NOTE, text.as_bytes(), 0o644)
}

/// Forgets the note.
pub fn forget(system: &System) -> Result<()> {
    system.remove(NOTE)
}

fn parse(text: &str) -> Option<Postponed> {
    let mut lines = text.lines();
    Some(Postponed {
        since: lines.next()?.parse().ok()?,
        digest: lines.next()?.to_owned(),
        workers: lines.filter_map(|line| line.parse().ok()).collect(),
    })
}

/// Returns the listeners of the master that a reload would close.
pub fn closing(system: &System, master: u32) -> BTreeSet<Address> {
    let listens = configured(system, master);
    let mut closing = listening(system, master);
    closing.retain(|address| !listens.iter().any(|listen| listen.opens(address)));
    closing
}

/// Returns whether a reload would fail, because an old address keeps nginx from opening a new one. nginx opens its new
/// addresses before it closes the old ones (ngx_init_cycle).
pub fn is_blocked(system: &System, master: u32) -> bool {
    !listens::blocking(&configured(system, master), &listening(system, master)).is_empty()
}

/// Returns every `listen` of the configuration on the disk. Does not run `nginx -T`: nginx would look up names, and a
/// command of nginx.service has no network.
fn configured(system: &System, master: u32) -> Vec<Listen> {
    let view = View::of(system, master);
    listens::of(&Configuration::in_force(&view).tree(MAIN))
}

/// Returns the addresses on which the master listens.
pub fn listening(system: &System, master: u32) -> BTreeSet<Address> {
    let held = sockets::held(system, &[master]).into_iter();
    held.map(|held| held.address).collect()
}

#[cfg(test)]
mod tests;
