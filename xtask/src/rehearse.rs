//! Hands over to the `rehearse` crate, which alone needs an async runtime.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::{project, tools};

/// Everything goes to `rehearse` as it is.
#[derive(clap::Args)]
pub struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Runs it with the same exit code. The dev profile: what `cargo test` has compiled is used again.
pub fn run(args: &Args) -> Result<ExitCode> {
    let manifest = project::root().join("Cargo.toml");
    let status = tools::cargo()
        .args(["run", "--quiet", "--package", "rehearse", "--manifest-path"])
        .arg(manifest)
        .arg("--")
        .args(&args.args)
        .status()
        .context("cannot run cargo")?;
    // A signal has no code; a shell would say 128 + n, cargo has said which.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}
