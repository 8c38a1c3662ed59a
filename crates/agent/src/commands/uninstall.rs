//! `uninstall`: gives the instance back to stock Elastic Beanstalk.

use anyhow::Result;
use flipless_settings::{FrontMode, layout};

use super::change::{lock, say};
use crate::deployment::give_back::{Nginx, give_back};
use crate::deployment::state::State;
use crate::deployment::withdrawal;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Stops what is ours, removes it, and starts EB's nginx and the server in their own right. A second run finishes what an interrupted one began.
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
    let nginx = match had_front {
        true => Nginx::Restarts,
        false => Nginx::IsEbs,
    };
    give_back(system, nginx)?;
    if had_front {
        say("EB's nginx has the public port again");
    }
    withdrawal::remove_files(system)?;
    withdrawal::start_alone(system)?;
    say(
        "uninstalled; the server runs as EB's own web.service until you deploy a bundle without flipless",
    );
    Ok(())
}
