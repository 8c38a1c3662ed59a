//! One file per command; the front's short ones are in [`front`].

mod activate;
mod commit;
mod expire;
mod front;
mod recover;
mod restart;
mod rollback;
mod run_ended;
mod stage;
pub mod stand_in;
mod status;
mod uninstall;
mod web_started;
mod web_starting;

use std::time::Duration;

use anyhow::Result;

use crate::deployment::state::{Failure, State};
use crate::instance::lock::{self, Lock};
use crate::instance::output::{self, say};
use crate::instance::system::System;

/// What the agent is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Stage,
    Commit,
    Rollback,
    Restart,
    Status { json: bool },
    Uninstall,
    StandIn(StandIn),
    Activate,
    Expire,
    Recover,
    RunEnded { run: String },
    WebStarting,
    WebStarted,
    FrontStarting,
    FrontStarted { pid: u32 },
    FrontReload,
    FrontSync,
    FrontRenew,
    RecordPid { name: String, pid: u32 },
    Help,
    Version,
}

/// What a stand-in stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandIn {
    Web,
    Nginx,
}

/// Carries out a command that needs the instance.
pub fn execute(command: &Command, system: &System) -> Result<()> {
    match command {
        Command::Stage => stage::stage(system, &std::env::current_dir()?),
        Command::Commit => commit::commit(system),
        Command::Rollback => rollback::rollback(system),
        Command::Restart => restart::restart(system),
        Command::Status { json } => output::result(&status::status(system, *json)?),
        Command::Uninstall => uninstall::uninstall(system),
        Command::Activate => activate::activate(system),
        Command::Expire => expire::expire(system),
        Command::Recover => recover::recover(system),
        Command::RunEnded { run } => run_ended::run_ended(system, run, &run_ended::how()),
        Command::WebStarting => web_starting::web_starting(system),
        Command::WebStarted => web_started::web_started(system),
        Command::FrontStarting => front::starting(system),
        Command::FrontStarted { pid } => front::started(system, *pid),
        Command::FrontReload => front::reload(system),
        Command::FrontSync => front::sync(system),
        Command::FrontRenew => front::renew(system),
        Command::RecordPid { name, pid } => front::record_pid(system, name, *pid),
        // main answers these itself.
        Command::StandIn(_) | Command::Help | Command::Version => Ok(()),
    }
}

/// The agent's lock, for a command that changes the instance.
fn lock(system: &System, command: &str) -> Result<Lock> {
    let limit = Duration::from_secs(system.settings()?.deploy.lock_seconds);
    lock::take(system, "lock", command, limit)
}

/// Carries out a change under the lock, with the state as it is; what fails is kept for `status`.
fn change(
    system: &System,
    command: &str,
    act: impl FnOnce(&mut State) -> Result<()>,
) -> Result<()> {
    let _lock = lock(system, command)?;
    let mut state = State::load_or_rebuild(system)?;
    act(&mut state).inspect_err(|error| note_failure(system, command, error))
}

/// The failure itself is what the caller hears of: that it can't be noted, on a full disk, adds nothing.
fn note_failure(system: &System, command: &str, error: &anyhow::Error) {
    let Ok(mut state) = State::load_or_rebuild(system) else {
        return;
    };
    state.failure = Some(Failure::of(system, command, &format!("{error:#}")));
    let _ = state.save(system);
}

#[cfg(test)]
mod tests;
