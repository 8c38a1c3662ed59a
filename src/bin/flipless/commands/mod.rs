//! A file a command.

mod activate;
mod commit;
mod expire;
mod restart;
mod rollback;
mod stage;
pub mod stand_in;
mod status;
mod uninstall;
mod web_started;

use std::time::Duration;

use anyhow::Result;
use flipless::constants::LOCK_SECONDS;

use crate::cli::Command;
use crate::lock::{self, Lock};
use crate::system::System;
use crate::{front, write_out};

/// Carries out a command that needs the instance.
pub fn execute(command: &Command, system: &System) -> Result<()> {
    match command {
        Command::Stage => stage::stage(system, &std::env::current_dir()?),
        Command::Commit => commit::commit(system),
        Command::Rollback => rollback::rollback(system),
        Command::Restart => restart::restart(system),
        Command::Status { json } => write_out(&status::status(system, *json)?),
        Command::Uninstall => uninstall::uninstall(system),
        Command::Activate => activate::activate(system),
        Command::Expire => expire::expire(system),
        Command::WebStarted => web_started::web_started(system),
        Command::FrontStarting => front::starting(system),
        Command::FrontStarted { pid } => front::started(system, *pid),
        Command::FrontReload => front::reload(system),
        Command::FrontSync => front::sync(system).map(|did| say(&format!("nginx {did}"))),
        Command::RecordPid { name, pid } => front::record_pid(system, name, *pid),
        // main answers these itself.
        Command::StandIn(_) | Command::Help | Command::Version => Ok(()),
    }
}

/// Progress, for EB's hook log or the journal.
fn say(line: &str) {
    eprintln!("flipless: {line}");
}

/// The agent's lock, for a command that changes the state.
fn lock(system: &System, command: &str) -> Result<Lock> {
    lock::take(system, "lock", command, Duration::from_secs(LOCK_SECONDS))
}

#[cfg(test)]
mod tests;
