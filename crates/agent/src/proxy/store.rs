//! systemd's store of descriptors (FileDescriptorStoreMax= in systemd.service(5)) keeps every listener of the front.
//!
//! flipless-front.socket holds the public port. nginx opens every other listener itself, such as port 443. The agent
//! gives copies of these to systemd, which passes them to the next master. So a listener stays open however nginx ends.
//! After nginx itself has closed a listener, the agent removes it from the store. Otherwise clients would wait in the
//! queue of systemd's copy, and nginx could not open the address again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::listens::{self, Listen};
use super::sockets::{Held, SYSTEMD, Table};
use crate::instance::output::say;
use crate::instance::system::System;
use crate::instance::wait::wait_for;

/// The inodes of the sockets that the agent has given to systemd. systemd 252 can't list its store.
const GIVEN: &str = "/run/flipless/front-listeners";
/// How long systemd may take until it has read a message. It reads none during a daemon-reload.
const LIMIT: Duration = Duration::from_secs(5);
/// The pause between two looks at systemd's descriptors.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Makes the store hold exactly the listeners of the master. Repairs every difference, whatever has caused it.
pub fn sync(system: &System, master: u32) -> Result<()> {
    let difference = || {
        let found = Difference::of(system, &[master])?;
        // `None` also means that the master is ending and has no descriptors any more. The next master needs the store.
        Ok::<_, anyhow::Error>(found.filter(|found| !found.is_empty()))
    };
    match difference()? {
        None => Ok(()),
        Some(found) => {
            found.repair(system, master)?;
            confirm(|| Ok(difference()?.is_none()))?;
            note(system, &BTreeSet::new())
        }
    }
}

/// Does the same as [`sync`]. nginx serves without the store, so a failure is only a warning.
pub fn sync_or_warn(system: &System, master: u32) {
    if let Err(error) = sync(system, master) {
        say(&format!(
            "warning: systemd does not hold exactly the listeners of nginx, so a crash of nginx may close \
             some of them: {error:#}"
        ));
    }
}

/// Adds the listeners of the workers that a killed master has left. `sender` is the pid of this agent, which runs in
/// the front's unit.
///
/// # Errors
/// If systemd does not take a listener. The next master then has to open it.
pub fn add(system: &System, sender: u32, workers: &[u32]) -> Result<()> {
    let difference = || Difference::of(system, workers);
    match difference()? {
        None => Ok(()),
        Some(mut found) => {
            // Removes no listener from the store, because the next master may use each of them.
            found.closed.clear();
            found.repair(system, sender)?;
            confirm(|| Ok(difference()?.is_none_or(|found| found.missing.is_empty())))
        }
    }
}

/// Makes systemd close its copies of listeners that keep nginx from opening an address. For example, a copy of
/// 0.0.0.0:443 is in the way if nginx is now to listen on 10.0.0.1:443. Returns whether there were no such listeners.
pub fn make_way(system: &System, sender: u32, listens: &[Listen]) -> Result<bool> {
    let of_systemd = || Table::read(system).held(system, &[SYSTEMD]);
    let before = of_systemd();
    let open = before.values().map(|held| held.address.clone()).collect();
    let blocking = listens::blocking(listens, &open);
    let mut given = given(system)?;
    given.retain(|inode| {
        let held = before.get(inode);
        held.is_some_and(|held| blocking.contains(&held.address))
    });
    for inode in &given {
        system.drop_descriptor(sender, &name(inode))?;
    }
    confirm(|| {
        let after = of_systemd();
        Ok(!given.iter().any(|inode| after.contains_key(inode)))
    })?;
    Ok(given.is_empty())
}

fn confirm(mut is_done: impl FnMut() -> Result<bool>) -> Result<()> {
    match wait_for(LIMIT, LOOK_AGAIN, || Ok(is_done()?.then_some(())))? {
        Some(()) => Ok(()),
        None => bail!(
            "systemd has not updated its store of listeners within {} s",
            LIMIT.as_secs()
        ),
    }
}

/// The listeners that the store lacks (`missing`), and those that only the store still has (`closed`), by inode.
struct Difference {
    missing: BTreeMap<String, Held>,
    closed: BTreeSet<String>,
}

impl Difference {
    /// Compares the listeners of the processes with the store. Returns `None` if the processes have no listener.
    fn of(system: &System, pids: &[u32]) -> Result<Option<Self>> {
        let table = Table::read(system);
        let own = table.held(system, pids);
        if own.is_empty() {
            return Ok(None);
        }
        let of_systemd = table.held(system, &[SYSTEMD]);
        if of_systemd.is_empty() {
            // systemd holds at least the public port.
            bail!("cannot see in /proc/{SYSTEMD}/fd which sockets systemd holds");
        }
        let given = given(system)?.into_iter();
        let closed =
            given.filter(|inode| of_systemd.contains_key(inode) && !own.contains_key(inode));
        Ok(Some(Self {
            closed: closed.collect(),
            missing: own
                .iter()
                .filter(|(inode, _)| !of_systemd.contains_key(*inode))
                .map(|(inode, held)| (inode.clone(), held.clone()))
                .collect(),
        }))
    }

    fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.closed.is_empty()
    }

    fn repair(&self, system: &System, sender: u32) -> Result<()> {
        for inode in &self.closed {
            system
                .drop_descriptor(sender, &name(inode))
                .context("cannot send a message to systemd")?;
        }
        // Notes the sockets before systemd gets them, so that the next call knows them even after an interruption.
        note(system, &self.missing.keys().cloned().collect())?;
        for (inode, held) in &self.missing {
            system
                .keep_descriptor(sender, (held.pid, held.descriptor), &name(inode))
                .with_context(|| format!("cannot give systemd the listener {}", held.address))?;
        }
        Ok(())
    }
}

/// Returns the name of a socket in the store (FDNAME= in sd_notify(3)). The name contains the inode, because an inode
/// belongs to exactly one socket. Two sockets that nginx has opened one after the other may have the same address.
fn name(inode: &str) -> String {
    format!("listener-{inode}")
}

fn given(system: &System) -> Result<BTreeSet<String>> {
    let text = system.read(GIVEN)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(text.lines().map(str::to_owned).collect())
}

/// Notes further sockets, and forgets those that systemd no longer holds.
fn note(system: &System, more: &BTreeSet<String>) -> Result<()> {
    let of_systemd = Table::read(system).held(system, &[SYSTEMD]);
    let mut inodes = given(system)?;
    let before = inodes.clone();
    inodes.retain(|inode| of_systemd.contains_key(inode));
    inodes.extend(more.iter().cloned());
    if inodes == before {
        return Ok(());
    }
    let lines: String = inodes.iter().map(|inode| format!("{inode}\n")).collect();
    system.write(GIVEN, lines.as_bytes(), 0o644)
}

#[cfg(test)]
mod tests;
