//! `web-started`: web.service has started the stand-in. In a flip, the staged run takes over. Otherwise the start may
//! be EB's "restart app server".

use std::path::Path;

use anyhow::{Result, bail};
use flipless_settings::layout;

use super::change::{change, say};
use super::restart::restart_locked;
use crate::deployment::alarm::{self, WEB_STARTED};
use crate::deployment::certificates::{self, Next};
use crate::deployment::flipped::{self, Flipped, flipped};
use crate::deployment::state::State;
use crate::deployment::{handover, hold, leftover};
use crate::instance::paths::{FLIPPED, PROXY_STAGING};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Hands over to the staged run if EB has flipped to it. Fails if EB has flipped to a discarded run. Restarts the
/// server if EB's "restart app server" has caused this start of web.service. Three other starts restart nothing: a
/// start in a deployment, the first start since boot, and an automatic restart by systemd.
pub fn web_started(system: &System) -> Result<()> {
    change(system, "web-started", |state| {
        let first = !system.exists(WEB_STARTED);
        system.write(WEB_STARTED, b"", 0o644)?;
        let staged = state.staged.clone().map(|staged| staged.run);
        match (staged, flipped(system)) {
            (Some(run), Flipped::Run(marked)) if run.run == marked => {
                leftover::complete(system, state, run)?
            }
            (_, Flipped::Run(marked)) if is_discarded(state, &marked) => refuse(system, &marked)?,
            (Some(_), _) if !is_stale(system, state)? => {}
            _ => restart_if_asked(system, state, first)?,
        }
        if let Some(current) = &state.current {
            say(&format!(
                "{} is current; web.service runs only the stand-in",
                current.run
            ));
        }
        Ok(())
    })
    .inspect_err(|_| start_nginx(system))
}

/// Starts nginx after `web-started` has failed, because EB then ends its deployment before it starts nginx.
fn start_nginx(system: &System) {
    if system.exists(PROXY_STAGING)
        && let Err(why) = Systemd::new(system).start_later(layout::NGINX)
    {
        eprintln!("flipless: warning: nginx could not be started: {why:#}");
    }
}

fn is_discarded(state: &State, marked: &str) -> bool {
    state
        .discarded
        .as_ref()
        .is_some_and(|run| run.run == marked)
}

/// Fails, and removes the marker. So the flip fails once, and then systemd restarts the stand-in successfully.
fn refuse(system: &System, run: &str) -> Result<()> {
    flipped::unmark(system, Path::new(FLIPPED))?;
    bail!(
        "EB has flipped to {run}, which was discarded before; the current version continues to serve. \
         Deploy again (`{} status` shows the reason)",
        layout::AGENT
    )
}

/// Discards a run that was staged before a reboot, because the reboot has ended the run's deployment. Returns whether
/// there was such a run.
fn is_stale(system: &System, state: &mut State) -> Result<bool> {
    let boot = system.commands().boot_id()?;
    if state
        .staged
        .as_ref()
        .is_none_or(|staged| staged.boot == boot)
    {
        return Ok(false);
    }
    leftover::discard(system, state, "the instance was rebooted before EB's flip")?;
    Ok(true)
}

fn restart_if_asked(system: &System, state: &mut State, first: bool) -> Result<()> {
    let Some(current) = &state.current else {
        return Ok(());
    };
    if hold::is_held(system, &current.run) {
        return handover::finish(system, state);
    }
    match first || alarm::restarted_by_systemd(system)? {
        // An agent that was killed in the flip may have left the old run active.
        true => {
            handover::finish(system, state)?;
            // Before the boot, a `commit` that was killed may not have enabled the timer of the renewal.
            certificates::settle(system, state, Next::ByTimer);
            Ok(())
        }
        false => restart_locked(system, state),
    }
}
