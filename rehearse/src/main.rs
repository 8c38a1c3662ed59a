//! `cargo xtask rehearse`: deploys a bundle on a model of an EB instance, under load.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use rehearse::{interruption, progress};

fn main() -> ExitCode {
    // clap exits with 2 after a usage error.
    let arguments = cli::Arguments::parse();
    arguments.check().unwrap_or_else(|error| error.exit());
    let result = cli::run(&arguments);
    interruption::hold();
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            progress::failure("error", format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
