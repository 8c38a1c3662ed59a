//! `expire`: the dead man's switch. A deployment that died between `stage` and `commit` leaves nothing,
//! and neither does a change of the current run that died half-way.

use anyhow::Result;
use flipless_settings::layout;

use super::change::{change, say};
use crate::deployment::leftover::{self, Outcome};
use crate::deployment::{run, withdrawal};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Gives up the staged run when its time is over, or when it was staged before a reboot. The timer may
/// be late (a daemon-reload starts its count anew), so that the deadline in the state decides.
pub fn expire(system: &System) -> Result<()> {
    change(system, "expire", |state| {
        let Some(staged) = &state.staged else {
            run::stop_strays(system, state)?;
            // An earlier `expire` may have been killed after it discarded a first version.
            return withdrawal::withdraw(system, state);
        };
        let commands = system.commands();
        if staged.boot == commands.boot_id()? && commands.uptime() < staged.deadline {
            return Systemd::new(system).restart(layout::DEADMAN_TIMER);
        }
        match leftover::settle(system, state)? {
            Outcome::Nothing => {}
            Outcome::Kept(run) => say(&format!(
                "{} is the only version and becomes current",
                run.run
            )),
            Outcome::Discarded(run) => {
                withdrawal::withdraw(system, state)?;
                say(&format!(
                    "discarded {}, which no deployment has committed",
                    run.run
                ));
            }
        }
        Ok(())
    })
}
