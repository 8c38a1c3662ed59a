//! `abort`: discards a deployment that EB has not flipped to yet.

use anyhow::Result;

use super::change::{change, say};
use crate::deployment::leftover::{self, Outcome};
use crate::deployment::withdrawal;
use crate::instance::system::System;

/// Discards the staged run. If EB flips to this run later, the flip fails and the current version continues to
/// serve.
pub fn abort(system: &System) -> Result<()> {
    change(system, "abort", |state| {
        say(
            &match leftover::settle(system, state, "`flipless abort` was called")? {
                Outcome::Nothing => "no deployment is in progress".to_owned(),
                Outcome::HandedOver(run) => format!(
                    "too late: EB has flipped to {}, which is current now; `flipless rollback` returns to the \
                     previous release",
                    run.run
                ),
                Outcome::Discarded(run) => format!("discarded {}", run.run),
            },
        );
        withdrawal::withdraw(system, state)?;
        withdrawal::serve_alone(system, state)
    })
}
