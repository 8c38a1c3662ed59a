//! Checks a finished zip. Each module examines one aspect of the parsed entries, and returns checks.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::{print, println};
use anyhow::Result;
use flipless_settings::checks::ALLOWABLE;

use crate::arch::Arch;
use crate::bundle::Bundle;
use crate::ui;

mod directives;
mod ebextensions;
mod elf_files;
mod executables;
mod hook_commands;
mod hooks;
mod libraries;
mod links;
mod mac_files;
mod manifest;
mod names;
mod nginx;
mod nginx_drain;
mod nginx_syntax;
mod outcome;
mod procfile;
mod programs;
mod proxy_ports;
mod settings;
mod size;
mod started;
mod units;

use nginx_syntax::Configuration;
pub use outcome::Check;
use units::Unit;

/// `cargo xtask check`
#[derive(clap::Args)]
pub struct Args {
    /// The bundle to check
    #[arg(value_parser = crate::arguments::existing_file)]
    zip: PathBuf,
    /// Print the checks as JSON
    #[arg(long)]
    json: bool,
}

/// Returns all checks, in the order in which they are printed. `arch` is the processor of the instances. Without
/// `arch`, every executable is a finding.
pub fn all(bundle: &Bundle, arch: Option<Arch>) -> Vec<Check> {
    let units = units::read(bundle);
    let mut checks = by_ourselves(bundle, arch, &units);
    if is_a_bundle(bundle) {
        checks.extend(units::by_systemd(bundle, &units));
        checks.push(nginx::check(bundle));
    }
    with_allowed(bundle, checks)
}

/// Turns the failures that the bundle's own settings allow into warnings.
fn with_allowed(bundle: &Bundle, checks: Vec<Check>) -> Vec<Check> {
    let named = bundle.settings().map(|all| all.check.allow);
    let named = named.unwrap_or_default();
    let allowed = |check: &Check| {
        ALLOWABLE.contains(&check.name) && named.iter().any(|name| name == check.name)
    };
    let checks = checks.into_iter();
    let judged = checks.map(|check| {
        if allowed(&check) {
            check.allow()
        } else {
            check
        }
    });
    judged.collect()
}

/// Returns the hint that names the last resort: allowing the failed checks.
pub fn way_out(checks: &[Check]) -> Option<String> {
    let failed = checks.iter().filter(|check| check.failed());
    let names = failed.map(|check| check.name);
    let names = names.filter(|name| ALLOWABLE.contains(name));
    let names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
    let names = names.join(", ");
    (!names.is_empty()).then(|| {
        format!(
            "if the bundle works on an instance all the same, set `[check] allow = [{names}]` in flipless.toml"
        )
    })
}

/// The checks that run no other program, and so have the same result on every machine.
pub fn without_programs(bundle: &Bundle, arch: Option<Arch>) -> Vec<Check> {
    with_allowed(bundle, by_ourselves(bundle, arch, &units::read(bundle)))
}

/// The checks of the zip itself: whether EB can unpack it.
pub fn of_zip(bundle: &Bundle) -> Vec<Check> {
    let mut checks = vec![size::check(bundle), names::structure(bundle)];
    if bundle.fault.is_none() {
        checks.extend(names::check(bundle));
    }
    checks
}

fn by_ourselves(bundle: &Bundle, arch: Option<Arch>, units: &[Unit]) -> Vec<Check> {
    let mut checks = of_zip(bundle);
    if !is_a_bundle(bundle) {
        return checks;
    }
    let settings = bundle.settings();
    checks.push(settings::check(&settings));
    checks.push(mac_files::check(bundle));
    checks.push(links::check(bundle));
    checks.push(procfile::check(bundle, started::may_install(bundle)));
    checks.push(hooks::check(bundle));
    checks.push(hook_commands::twins(bundle));
    checks.push(hook_commands::commands(bundle));
    let (settings, configuration) = (settings.as_ref().ok(), Configuration::of(bundle));
    checks.push(ebextensions::check(bundle, settings));
    checks.push(directives::check(bundle, &configuration));
    checks.push(proxy_ports::check(&configuration, settings));
    checks.push(proxy_ports::public(&configuration, settings));
    checks.push(nginx_drain::timeouts(&configuration, units));
    checks.push(nginx_drain::unread(bundle, settings));
    checks.extend(executables::check(bundle, arch, settings));
    checks.extend(units::by_rules(bundle, units));
    checks
}

/// Whether the content can be checked. Otherwise every further check would fail for the same reason.
fn is_a_bundle(bundle: &Bundle) -> bool {
    bundle.fault.is_none() && names::parent_folder(bundle).is_none()
}

/// Checks one zip and prints the result.
pub fn run(args: &Args) -> Result<ExitCode> {
    let bundle = Bundle::open(&args.zip)?;
    let (target, manifest) = manifest::beside(&args.zip, bundle.zip_bytes);
    let arch = target.or_else(|| executables::arch_of_agent(&bundle));
    let checks = [vec![manifest], all(&bundle, arch)].concat();
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
    way_out(&checks).into_iter().for_each(ui::hint);
    let warnings = checks.iter().filter(|check| !check.warnings.is_empty());
    warnings.flat_map(Check::remarks).for_each(ui::warning);
    let skipped = checks.iter().filter(|check| check.ok.is_none()).count();
    if skipped > 0 {
        ui::warning(format!("{skipped} of {} checks were skipped", checks.len()));
    }
    match checks.iter().filter(|check| check.failed()).count() {
        0 => Ok(ExitCode::SUCCESS),
        failed => Err(failure(&args.zip, failed, checks.len())),
    }
}

fn failure(zip: &Path, failed: usize, of: usize) -> anyhow::Error {
    anyhow::anyhow!("{}: {failed} of {of} checks failed", zip.display())
}

#[cfg(test)]
mod tests;
