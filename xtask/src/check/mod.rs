//! Checks a finished zip. Each file holds one concern: parsed entries in, checks out.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::println;
use anyhow::Result;
use serde::Serialize;

use crate::ui;

pub mod bundle;
pub mod elf;
mod executables;
mod hooks;
mod names;
mod procfile;
mod size;
mod units;

use bundle::Bundle;

/// `cargo xtask check`
#[derive(clap::Args)]
pub struct Args {
    /// The bundle
    #[arg(value_parser = crate::existing_file)]
    zip: PathBuf,
    /// Print the checks as JSON
    #[arg(long)]
    json: bool,
}

/// One question about a bundle, answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was asked: a short name that stays the same.
    pub name: &'static str,
    /// Fine?
    pub ok: bool,
    /// What was found; if not fine, every finding, `; ` between them.
    pub detail: String,
    /// The way out.
    #[serde(skip)]
    pub hint: Option<String>,
}

impl Check {
    /// Fine without `findings`; `fine` is then the detail.
    pub fn of(name: &'static str, findings: Vec<String>, fine: impl Into<String>) -> Self {
        let ok = findings.is_empty();
        let detail = if ok { fine.into() } else { findings.join("; ") };
        let hint = None;
        Self {
            name,
            ok,
            detail,
            hint,
        }
    }

    /// Says what to do about it, if it isn't fine.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = (!self.ok).then(|| hint.into());
        self
    }
}

/// Every check, in the order a person wants to read them.
pub fn all(bundle: &Bundle) -> Vec<Check> {
    let agent = executables::arch_of_agent(bundle);
    for_arch(bundle, agent)
}

/// The same, for instances of this processor; `None` fits nothing.
pub fn for_arch(bundle: &Bundle, arch: Option<elf::Arch>) -> Vec<Check> {
    [
        size::check(bundle),
        names::check(bundle),
        procfile::check(bundle),
        hooks::check(bundle),
        executables::check(bundle, arch),
        units::check(bundle),
    ]
    .concat()
}

/// Checks one zip and prints the result.
pub fn run(args: &Args) -> Result<ExitCode> {
    let checks = all(&open(&args.zip)?);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&checks)?);
    } else {
        print_table(&checks);
    }
    checks
        .iter()
        .filter_map(|check| check.hint.as_ref())
        .for_each(ui::hint);
    match checks.iter().filter(|check| !check.ok).count() {
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

fn print_table(checks: &[Check]) {
    let width = checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or(0);
    for Check {
        name, ok, detail, ..
    } in checks
    {
        let mark = if *ok { "ok" } else { "FAIL" };
        println!("{mark:<4}  {name:<width$}  {}", detail.replace("; ", ";\n"));
    }
}

#[cfg(test)]
mod tests;
