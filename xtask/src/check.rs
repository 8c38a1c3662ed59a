//! Checks a finished zip. Each file holds one concern: parsed entries in, checks out.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::{print, println};
use anyhow::Result;

use crate::{project, ui};

pub mod bundle;
mod executables;
mod hooks;
mod links;
pub mod manifest;
mod names;
mod nginx;
mod outcome;
mod procfile;
mod programs;
mod size;
mod units;

use bundle::Bundle;
pub use bundle::elf;
pub use outcome::{Check, printable};

/// `cargo xtask check`
#[derive(clap::Args)]
pub struct Args {
    /// The bundle
    #[arg(value_parser = crate::existing_file)]
    zip: PathBuf,
    /// The flipless.toml that it was built with, if not the project's own
    #[arg(long, value_name = "FILE", value_parser = crate::existing_file)]
    config: Option<PathBuf>,
    /// Print the checks as JSON
    #[arg(long)]
    json: bool,
}

/// What a bundle has to fit.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// The instances' processor; `None` fits nothing.
    pub arch: Option<elf::Arch>,
    /// `[server] resolves-names`.
    pub resolves_names: bool,
}

/// Every check, in the order a person wants to read them.
pub fn all(bundle: &Bundle, expected: Expected) -> Vec<Check> {
    let mut checks = without_programs(bundle, expected);
    if is_a_bundle(bundle) {
        checks.extend(units::by_systemd(bundle));
        checks.push(nginx::check(bundle));
    }
    checks
}

/// The checks that are the same everywhere: they run no other program.
pub fn without_programs(bundle: &Bundle, expected: Expected) -> Vec<Check> {
    let mut checks = vec![size::check(bundle), names::structure(bundle)];
    if bundle.fault.is_none() {
        checks.extend(names::check(bundle));
    }
    if !is_a_bundle(bundle) {
        return checks;
    }
    checks.push(links::check(bundle));
    checks.push(procfile::check(bundle));
    checks.push(hooks::check(bundle));
    checks.extend(executables::check(bundle, expected));
    checks.extend(units::by_rules(bundle));
    checks
}

/// Else everything more would be missing, for one and the same reason.
fn is_a_bundle(bundle: &Bundle) -> bool {
    bundle.fault.is_none() && names::parent_folder(bundle).is_none()
}

/// Checks one zip and prints the result.
pub fn run(args: &Args) -> Result<ExitCode> {
    let bundle = open(&args.zip)?;
    let (target, manifest) = manifest::beside(&args.zip, bundle.zip_bytes);
    let (_, settings) = project::settings(args.config.as_deref(), &project::root())?;
    let expected = Expected {
        arch: target.or_else(|| executables::arch_of_agent(&bundle)),
        resolves_names: settings.server.resolves_names,
    };
    let checks = [vec![manifest], all(&bundle, expected)].concat();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&checks)?);
    } else {
        print!("{}", outcome::table(&checks));
    }
    let mut hints: Vec<_> = checks
        .iter()
        .filter_map(|check| check.hint.as_ref())
        .collect();
    hints.dedup();
    hints.into_iter().for_each(ui::hint);
    let skipped = checks.iter().filter(|check| check.ok.is_none()).count();
    if skipped > 0 {
        ui::warning(format!("{skipped} of {} checks: not checked", checks.len()));
    }
    match checks.iter().filter(|check| check.failed()).count() {
        0 => Ok(ExitCode::SUCCESS),
        failed => Err(failure(&args.zip, failed, checks.len())),
    }
}

/// Opens and reads a zip; memory and time are bounded whatever it holds.
///
/// # Errors
/// When it can't be opened; what is wrong inside is for the checks.
pub fn open(zip: &Path) -> Result<Bundle> {
    Bundle::open(zip).map_err(|error| error.context(format!("cannot read {}", zip.display())))
}

fn failure(zip: &Path, failed: usize, of: usize) -> anyhow::Error {
    anyhow::anyhow!("{}: {failed} of {of} checks failed", zip.display())
}

#[cfg(test)]
mod tests;
