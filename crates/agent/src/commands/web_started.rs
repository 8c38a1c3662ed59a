//! `web-started`: EB has started the stand-in. In a flip there is nothing to do, but for the first
//! version; otherwise this is "restart app server".

use anyhow::Result;
use flipless_settings::layout;

use super::change::{change, say};
use super::restart::restart_locked;
use crate::deployment::alarm::{self, WEB_STARTED};
use crate::deployment::state::{Staged, State};
use crate::deployment::{first_version, run};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Restarts the server, overlapped, if this start of web.service is neither part of a deployment, nor
/// the first since boot, nor systemd's own after the stand-in died.
pub fn web_started(system: &System) -> Result<()> {
    change(system, "web-started", |state| {
        state.forget_stale(system)?;
        let first = !system.exists(WEB_STARTED);
        system.write(WEB_STARTED, b"", 0o644)?;
        match (state.staged.clone(), &state.current) {
            (Some(staged), None) => start_first(system, state, &staged),
            (Some(_), Some(_)) | (None, None) => Ok(()),
            (None, Some(_)) if first || alarm::restarted_by_systemd(system)? => Ok(()),
            (None, Some(_)) => restart_locked(system, state),
        }
    })
}

/// The flip has taken away what was there before: a first version serves from here on, also if EB never
/// comes to its postdeploy hooks. If it does not start, systemd starts the stand-in again, which tries
/// once more, until the dead man gives the version up.
fn start_first(system: &System, state: &mut State, staged: &Staged) -> Result<()> {
    first_version::let_boots_start(system, &staged.run)?;
    Systemd::new(system).start(layout::APP_SOCKET)?;
    run::start(system, &staged.run)?;
    first_version::make_current(system, state, staged.run.clone())?;
    say(&format!("{} is ready", staged.run.run));
    Ok(())
}
