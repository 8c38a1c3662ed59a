//! The agent on the instance: it starts releases beside each other and makes one current.
//!
//! Commands that change the instance run as root, from EB's hooks or from systemd units. The
//! stand-ins take a short way: they never touch what the other commands need, and stay small.

mod cli;
mod commands;
mod deployment;
mod hint;
mod instance;
mod proxy;
mod report;
#[cfg(test)]
mod testing;

use std::process::ExitCode;

use anyhow::Error;
use flipless_settings::layout;

use commands::Command;
use commands::stand_in::StandIn;
use deployment::alarm;
use instance::{output, system};

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("error: {error}\nhint: `flipless --help` lists the commands");
            return ExitCode::from(2);
        }
    };
    let result = match command {
        // First: a stand-in shares nothing with the commands that change the instance.
        Command::StandIn(service) => {
            if let Some(reason) = to_show(service) {
                let reason = output::plain(reason.trim());
                eprintln!(
                    "error: {reason}\nhint: `{} status` tells more",
                    layout::AGENT
                );
                return ExitCode::from(layout::ALARM_EXIT);
            }
            commands::stand_in::wait(service)
        }
        Command::Help => output::result(cli::HELP),
        Command::Version => output::result(concat!("flipless ", env!("CARGO_PKG_VERSION"), "\n")),
        other => as_root()
            .map_err(Error::from)
            .and_then(|()| commands::execute(&other, &system::System::real())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", report::describe(&error));
            ExitCode::FAILURE
        }
    }
}

/// Also `status`: the state is root's to read.
fn as_root() -> std::io::Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let why = "the agent needs root: it asks and changes systemd, and its state is root's";
    Err(std::io::Error::new(
        std::io::ErrorKind::PermissionDenied,
        why,
    ))
}

/// The alarm, which the stand-in of `web` alone reports.
fn to_show(service: StandIn) -> Option<String> {
    match service {
        StandIn::Web => alarm::to_show(),
        StandIn::Nginx => None,
    }
}
