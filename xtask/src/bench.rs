//! Runs the `bench` package as a program, with the release profile. Only this package needs the peers, the programs
//! that it compares with flipless.

use std::process::ExitCode;

use anyhow::Result;

use crate::package::{self, Args};
use crate::roots::Roots;
use crate::tools;
use crate::workspace::Workspace;

/// Runs `bench`, and returns its exit code.
pub fn run(roots: &Roots, args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::of_flipless(roots)?;
    let mut cargo = tools::cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "bench"]);
    workspace.select(&mut cargo);
    package::run(&mut cargo, args)
}
