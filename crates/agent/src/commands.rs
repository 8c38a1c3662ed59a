//! The commands, one file each. The commands of the front are in [`front`], one layer below.

mod abort;
mod activate;
mod change;
mod commit;
mod expire;
mod identify;
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

use anyhow::Result;

use stand_in::StandIn;

use crate::instance::output::{self, say};
use crate::instance::system::System;
use crate::proxy::{front, succession};

/// A command of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Stage,
    Commit,
    Abort,
    Rollback,
    Restart,
    Status { json: bool },
    Uninstall,
    StandIn(StandIn),
    Activate,
    Expire,
    Identify,
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

/// Runs a command that needs the instance.
pub fn execute(command: &Command, system: &System) -> Result<()> {
    match command {
        Command::Stage => stage::stage(system, &std::env::current_dir()?),
        Command::Commit => commit::commit(system),
        Command::Abort => abort::abort(system),
        Command::Rollback => rollback::rollback(system),
        Command::Restart => restart::restart(system),
        Command::Status { json } => output::result(&status::status(system, *json)?),
        Command::Uninstall => uninstall::uninstall(system),
        Command::Activate => activate::activate(system),
        Command::Expire => expire::expire(system),
        Command::Identify => identify::identify(system),
        Command::Recover => recover::recover(system),
        Command::RunEnded { run } => run_ended::run_ended(system, run, &run_ended::how()),
        Command::WebStarting => web_starting::web_starting(system),
        Command::WebStarted => web_started::web_started(system),
        Command::FrontStarting => succession::starting(system),
        Command::FrontStarted { pid } => succession::started(system, *pid),
        Command::FrontReload => front::reload(system),
        Command::FrontSync => front::sync(system).map(|synced| say(&synced.to_string())),
        Command::FrontRenew => front::renew(system),
        Command::RecordPid { name, pid } => front::record_pid(system, name, *pid),
        // `main` runs these itself.
        Command::StandIn(_) | Command::Help | Command::Version => Ok(()),
    }
}

#[cfg(test)]
mod tests;
