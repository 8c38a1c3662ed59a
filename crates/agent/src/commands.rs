//! The commands, one file each. The commands of the front are in [`crate::proxy`], one layer below.

mod abort;
mod activate;
mod change;
mod commit;
mod expire;
mod identify;
mod install_certificate;
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
use crate::proxy::sync::{self, Synced};
use crate::proxy::{front, inherited, succession};

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
    InstallCertificate,
    Recover,
    RunEnded { run: String },
    WebStarting,
    WebStarted,
    FrontStarting,
    FrontExec,
    FrontStarted { pid: u32 },
    FrontReload,
    FrontSync,
    FrontSettle,
    FrontCheck,
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
        Command::InstallCertificate if install_certificate::is_being_stopped() => Ok(()),
        Command::InstallCertificate => install_certificate::install_certificate(system),
        Command::Recover => recover::recover(system),
        Command::RunEnded { run } => run_ended::run_ended(system, run, &run_ended::how()),
        Command::WebStarting => web_starting::web_starting(system),
        Command::WebStarted => web_started::web_started(system),
        Command::FrontStarting => {
            succession::starting(system);
            Ok(())
        }
        Command::FrontExec => inherited::execute(),
        Command::FrontStarted { pid } => succession::started(system, *pid),
        Command::FrontReload => front::reload(system),
        Command::FrontSync => said(sync::sync(system)?),
        Command::FrontSettle => said(sync::conclude(system)?),
        Command::FrontCheck => sync::check(system).map(drop),
        Command::FrontRenew => front::renew(system),
        Command::RecordPid { name, pid } => front::record_pid(system, name, *pid),
        // `main` runs these itself.
        Command::StandIn(_) | Command::Help | Command::Version => Ok(()),
    }
}

fn said(synced: Synced) -> Result<()> {
    say(&synced.to_string());
    Ok(())
}

#[cfg(test)]
mod tests;
