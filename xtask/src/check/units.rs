//! Checks the bundle's units: with our own rules on every machine, and with systemd if it is installed.

use std::path::PathBuf;

use flipless_settings::layout;

use super::outcome::Check;
use crate::bundle::Bundle;
use crate::tools;

mod rules;
mod syntax;
mod systemd;
#[cfg(test)]
mod tests;

use syntax::FOLDER;
pub use syntax::{Unit, read};

/// Units without which no server runs.
const NEEDED: [&str; 3] = [layout::APP_SOCKET, layout::APP_TEMPLATE, layout::GATE];

type Rule = fn(&[Unit]) -> Vec<String>;

/// The rules: the name of the check, the rule, and the detail that the check shows if all units keep the rule.
const RULES: [(&str, Rule, &str); 9] = [
    (
        "units: shared sockets",
        rules::shared_sockets,
        "every service has NonBlocking=true",
    ),
    (
        "units: not EB's",
        rules::not_of_eb,
        "no PartOf=, and no ordering with a stand-in",
    ),
    (
        "units: paths",
        rules::moving_paths,
        "no path that EB replaces",
    ),
    (
        "units: limits",
        rules::limits,
        "a crash loop closes no socket",
    ),
    (
        "units: gate",
        rules::gate,
        "systemd can start it repeatedly",
    ),
    (
        "units: addresses",
        rules::addresses,
        "no port without an address",
    ),
    (
        "units: references",
        rules::references,
        "all named units exist",
    ),
    (
        "units: stand-in",
        rules::stand_in,
        "no setting acts on the real nginx",
    ),
    (
        "units: control groups",
        rules::control_groups,
        "no setting limits a stock process",
    ),
];

/// Returns the checks by systemd-analyze(1). They are skipped if the program is not installed.
pub fn by_systemd(bundle: &Bundle, units: &[Unit]) -> Vec<Check> {
    by_analyzer(tools::installed("systemd-analyze"), bundle, units)
}

/// Returns the checks of [`by_systemd`], with this systemd-analyze.
pub fn by_analyzer(program: Option<PathBuf>, bundle: &Bundle, units: &[Unit]) -> Vec<Check> {
    systemd::check(program, bundle, units)
}

/// Returns the checks by our own rules.
pub fn by_rules(bundle: &Bundle, units: &[Unit]) -> Vec<Check> {
    let mut checks = vec![present(bundle, units)];
    checks.extend(RULES.map(|(name, rule, fine)| Check::of(name, rule(units), fine)));
    checks
}

fn present(bundle: &Bundle, units: &[Unit]) -> Check {
    let has = |name: &&&str| units.iter().any(|unit| unit.name == **name);
    let missing = NEEDED.iter().filter(|name| !has(name));
    let mut findings: Vec<String> = missing
        .map(|name| format!("{FOLDER}{name} is missing"))
        .collect();
    let in_folder = bundle
        .entries
        .iter()
        .filter(|entry| entry.name.starts_with(FOLDER) && !entry.folder);
    let no_text = in_folder.filter(|entry| entry.text().is_none());
    findings.extend(no_text.map(|entry| format!("{} is not a text file", entry.name)));
    Check::of("units", findings, format!("{} units", units.len()))
}
