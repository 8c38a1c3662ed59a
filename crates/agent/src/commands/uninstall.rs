//! `uninstall`: gives the instance back to stock Elastic Beanstalk.

use anyhow::Result;
use flipless_settings::{FrontMode, layout};

use super::change::{lock, say};
use crate::deployment::give_back::{Nginx, give_back};
use crate::deployment::state::State;
use crate::deployment::withdrawal;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Stops and removes flipless, and starts EB's nginx and the server without flipless. A second call completes an
/// interrupted call.
pub fn uninstall(system: &System) -> Result<()> {
    let _lock = lock(system, "uninstall")?;
    let systemd = Systemd::new(system);
    let had_front = State::load(system)
        .map(|state| state.front == FrontMode::Nginx)
        .unwrap_or(true);
    // `give_back` does not stop the dead man's switch, because the switch may be the caller of `give_back`.
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
