//! `abort`: gives up a deployment that has not come to its flip.

use anyhow::Result;

use super::change::{change, say};
use crate::deployment::leftover::{self, Outcome};
use crate::deployment::withdrawal;
use crate::instance::system::System;

/// Discards the staged run. If EB flips to it all the same, that flip fails and the current version serves on.
pub fn abort(system: &System) -> Result<()> {
    change(system, "abort", |state| {
        say(
            &match leftover::settle(system, state, "`flipless abort` was called")? {
                Outcome::Nothing => "no deployment is in progress".to_owned(),
                Outcome::HandedOver(run) => format!(
                    "too late: EB has flipped to {}, which is current; `flipless rollback` goes back",
                    run.run
                ),
                Outcome::Discarded(run) => format!("discarded {}", run.run),
            },
        );
        withdrawal::withdraw(system, state)?;
        withdrawal::serve_alone(system, state)
    })
}
