//! `cargo xtask`, with one module per task. This is a library, so that a project's own `xtask` package can call
//! it:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     xtask::main()
//! }
//! ```
//!
//! `dist` → `check` → `bundle`: a module calls only modules to its right.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod arch;
mod arguments;
pub mod bundle;
pub mod check;
mod diff;
mod dist;
mod files;
mod project;
mod rehearse;
mod test;
mod tools;
mod ui;

/// Builds, checks and rehearses the bundle for Elastic Beanstalk.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the bundle and print the path of the zip
    Dist(dist::Args),
    /// Check a finished bundle
    Check(check::Args),
    /// Compare two bundles
    Diff(diff::Args),
    /// Run everything that CI runs
    Test(test::Args),
    /// Rehearse a deployment under load on a model of an instance (see `cargo xtask rehearse --help`)
    #[command(disable_help_flag = true)]
    Rehearse(rehearse::Args),
}

/// Runs the task that the command line names. Exit status: 0 for success, 1 for failure, 2 for a usage error.
pub fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Dist(args) => dist::run(&args),
        Task::Check(args) => check::run(&args),
        Task::Diff(args) => diff::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Rehearse(args) => rehearse::run(&args),
    };
    result.unwrap_or_else(|error| {
        ui::error(&error);
        ExitCode::FAILURE
    })
}
