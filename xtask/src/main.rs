//! `cargo xtask`: one module a task.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod check;
mod diff;
mod dist;
mod project;
mod rehearse;
mod test;
mod tools;
mod ui;

// Shared with the build script, so that what is built and what is assembled can't disagree.
#[allow(dead_code)]
#[path = "../../src/layout.rs"]
mod layout;
#[allow(dead_code)]
#[path = "../../build/render.rs"]
mod render;
#[allow(dead_code)]
#[path = "../../src/settings/mod.rs"]
mod settings;
#[path = "../../build/templates.rs"]
mod templates;

/// Builds, checks and rehearses the bundle for Elastic Beanstalk.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the bundle; the zip's path is printed on standard output
    Dist(dist::Args),
    /// Check a finished bundle
    Check(check::Args),
    /// Tell what changed between two bundles
    Diff(diff::Args),
    /// Run all that CI runs
    Test(test::Args),
    /// Deploy on a model of an instance, under load: see `cargo xtask rehearse --help`
    #[command(disable_help_flag = true)]
    Rehearse(rehearse::Args),
}

fn main() -> ExitCode {
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

/// The same for a program; what kind of program it is, `check` says.
fn executable_file(text: &str) -> Result<PathBuf, String> {
    let path = existing_file(text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let mode = path.metadata().map_err(|error| error.to_string())?.mode();
        if mode & 0o100 == 0 {
            return Err(format!(
                "not executable: `chmod +x {text}` if it is the server"
            ));
        }
    }
    Ok(path)
}

/// An argument that must name a file: a path that doesn't is misuse, exit 2.
fn existing_file(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    match path.metadata() {
        Ok(data) if data.is_file() => Ok(path.to_owned()),
        Ok(data) if data.is_dir() => Err("a folder, not a file".into()),
        Ok(_) => Err("not a file".into()),
        Err(error) => Err(error.to_string()),
    }
}
