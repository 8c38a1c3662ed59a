//! `cargo xtask`, with one module per task. This is a library, so that a project's own `xtask` package can call it.
//! `cargo xtask init` writes such a package:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     xtask::main()
//! }
//! ```
//!
//! `dist` → `check` → `bundle`: a module calls only modules to its right.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

pub mod arch;
mod arguments;
mod bench;
pub mod bundle;
pub mod check;
mod diff;
mod dist;
mod files;
mod init;

mod package;
mod project;
mod rehearse;
mod roots;
mod test;
mod tools;
mod ui;
mod workspace;

use roots::Roots;

/// Builds, checks and rehearses the bundle for Elastic Beanstalk.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

/// Builds, checks and rehearses the bundle for Elastic Beanstalk.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct OwnCli {
    #[command(subcommand)]
    task: OwnTask,
}

/// A task in any project.
#[derive(Subcommand)]
enum Task {
    /// Build the bundle and print the path of the zip
    Dist(dist::Args),
    /// Check a finished bundle
    Check(check::Args),
    /// Compare two bundles
    Diff(diff::Args),
    /// Rehearse a deployment under load on a model of an instance (see `cargo xtask rehearse --help`)
    #[command(disable_help_flag = true)]
    Rehearse(package::Args),
}

/// A task in a checkout of flipless.
#[derive(Subcommand)]
enum OwnTask {
    #[command(flatten)]
    Any(Task),
    /// Give another repository its own `cargo xtask`
    Init(init::Args),

    /// Run everything that CI runs
    Test(test::Args),
    /// Compare flipless with its peers (see `cargo xtask bench --help`)
    #[command(disable_help_flag = true)]
    Bench(package::Args),
}

/// The `cargo xtask` of a project that depends on flipless. Exit status: 0 for success, 1 for failure, 2 for a usage
/// error.
pub fn main() -> ExitCode {
    let task = Cli::parse().task;
    exit(Roots::of_project().and_then(|roots| run(&roots, &task)))
}

/// flipless's own `cargo xtask`, with the same exit status.
pub fn main_of_flipless() -> ExitCode {
    let roots = Roots::of_flipless();
    exit(match OwnCli::parse().task {
        OwnTask::Any(task) => run(&roots, &task),
        OwnTask::Init(args) => init::run(&roots, &args),

        OwnTask::Test(args) => test::run(&roots, &args),
        OwnTask::Bench(args) => bench::run(&roots, &args),
    })
}

fn run(roots: &Roots, task: &Task) -> Result<ExitCode> {
    match task {
        Task::Dist(args) => dist::run(roots, args),
        Task::Check(args) => check::run(args),
        Task::Diff(args) => diff::run(args),
        Task::Rehearse(args) => rehearse::run(roots, args),
    }
}

fn exit(result: Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        ui::error(&error);
        ExitCode::FAILURE
    })
}
