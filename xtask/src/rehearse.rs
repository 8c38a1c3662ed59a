//! Runs the `rehearse` package as a program, because only this package needs an async runtime.

use std::process::ExitCode;

use anyhow::Result;

use crate::package::{self, Args};
use crate::roots::Roots;
use crate::tools;
use crate::workspace::Workspace;

/// Runs `rehearse`, and returns its exit code. Uses the dev profile, so that cargo reuses the dependencies that
/// `cargo test` has compiled.
pub fn run(roots: &Roots, args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::of_flipless(roots)?;
    let mut cargo = tools::cargo();
    cargo.args(["run", "--quiet", "--package", "rehearse"]);
    workspace.select(&mut cargo);
    if let Some(package) = &roots.package {
        // `rehearse` builds the bundle with the same `xtask`.
        cargo.env("FLIPLESS_XTASK", package.join("Cargo.toml"));
    }
    package::run(&mut cargo, args)
}
