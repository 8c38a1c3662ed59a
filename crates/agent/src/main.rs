//! The agent on the instance. It starts a new release beside the current one, and makes the new release current.
//!
//! EB's hooks and systemd's units call the commands as root. The stand-ins are different: they run as the
//! application's user, change nothing on the instance, and use little memory.

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
        // A stand-in does not run as root, and needs no `System`.
        Command::StandIn(service) => {
            if let Some(reason) = to_show(service) {
                let reason = output::plain(reason.trim());
                eprintln!(
                    "error: {reason}\nhint: `{} status` shows more",
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

/// Fails if the agent does not run as root. `status` needs root, too, because only root may read the state.
fn as_root() -> std::io::Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let why = "the agent needs root: it controls systemd, and only root may read the agent's state";
    Err(std::io::Error::new(
        std::io::ErrorKind::PermissionDenied,
        why,
    ))
}

/// Returns the reason of the alarm for the stand-in of `web`. The stand-in of nginx reports no alarm.
fn to_show(service: StandIn) -> Option<String> {
    match service {
        StandIn::Web => alarm::to_show(),
        StandIn::Nginx => None,
    }
}
