//! x
use anyhow::Result;
use std::process::ExitCode;
/// x
#[derive(clap::Args)]
pub struct Args {}
/// x
pub fn run(_: &Args) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
