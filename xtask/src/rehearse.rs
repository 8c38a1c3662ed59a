//! Runs the `rehearse` package as a program: only this package needs an async runtime.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::{project, tools};

/// All arguments are passed to `rehearse` unchanged.
#[derive(clap::Args)]
pub struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Runs `rehearse`, and returns its exit code. Uses the dev profile, which `cargo test` has already compiled.
pub fn run(args: &Args) -> Result<ExitCode> {
    let manifest = project::root().join("Cargo.toml");
    let status = tools::cargo()
        .args(["run", "--quiet", "--package", "rehearse", "--manifest-path"])
        .arg(manifest)
        .arg("--")
        .args(&args.args)
        .status()
        .context("cannot run cargo")?;
    // After a signal there is no exit code. cargo has already reported the signal.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}
