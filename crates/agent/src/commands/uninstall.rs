//! `uninstall`: gives the instance back to stock Elastic Beanstalk.

use anyhow::Result;
use flipless_settings::{FrontMode, layout};

use super::change::{lock, say};
use crate::deployment::give_back::give_back;
use crate::deployment::state::State;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Stops what is ours, removes it, and starts EB's nginx in its own right. Right before a bundle
/// without flipless is deployed, or from its predeploy hook: until its flip no process answers on the
/// server's port. A second run finishes what an interrupted one began.
pub fn uninstall(system: &System) -> Result<()> {
    let _lock = lock(system, "uninstall")?;
    let systemd = Systemd::new(system);
    let had_front = State::load(system)
        .map(|state| state.front == FrontMode::Nginx)
        .unwrap_or(true);
    // Not by `give_back`: it may be the dead man who gives back.
    if systemd.state(layout::DEADMAN)? != "inactive" {
        systemd.stop(layout::DEADMAN)?;
    }
    give_back(system, had_front)?;
    if had_front {
        say("EB's nginx has the public port again");
    }
    // The state last: it says what a second run has to do.
    for folder in [layout::ROOT, layout::RUNTIME, "/var/lib/flipless"] {
        system.remove(folder)?;
    }
    say("uninstalled; now deploy a bundle without flipless");
    Ok(())
}
