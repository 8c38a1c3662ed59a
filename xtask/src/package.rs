//! Runs a package of flipless with `cargo run`, for a command whose dependencies `xtask` itself does not need.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

/// All arguments are passed to the package unchanged.
#[derive(clap::Args)]
pub struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Runs `cargo run` with these arguments, and returns the program's exit code.
pub fn run(cargo: &mut Command, args: &Args) -> Result<ExitCode> {
    let status = cargo.arg("--").args(&args.args).status();
    let status = status.context("cannot run cargo")?;
    // After a signal there is no exit code. cargo has already reported the signal.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}
