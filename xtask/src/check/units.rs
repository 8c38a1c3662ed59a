//! The bundle's units: by our own rules everywhere, by systemd itself where it is.

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

/// Without these nothing is served.
const NEEDED: [&str; 3] = [layout::APP_SOCKET, layout::APP_TEMPLATE, layout::GATE];

type Rule = fn(&[Unit]) -> Vec<String>;

/// Each rule, what it is called, and what is said when it is kept.
const RULES: [(&str, Rule, &str); 9] = [
    (
        "units: shared sockets",
        rules::shared_sockets,
        "non-blocking everywhere",
    ),
    (
        "units: not EB's",
        rules::not_of_eb,
        "no PartOf=, no ordering with a stand-in",
    ),
    ("units: paths", rules::moving_paths, "none that EB replaces"),
    (
        "units: limits",
        rules::limits,
        "a crash loop closes no socket",
    ),
    ("units: gate", rules::gate, "is started as often as needed"),
    ("units: addresses", rules::addresses, "no bare port"),
    ("units: references", rules::references, "all there"),
    (
        "units: stand-in",
        rules::stand_in,
        "nothing names the real nginx",
    ),
    (
        "units: control groups",
        rules::control_groups,
        "nothing limits a stock process",
    ),
];

/// What systemd itself says, where it is.
pub fn by_systemd(bundle: &Bundle, units: &[Unit]) -> Vec<Check> {
    by_analyzer(tools::installed("systemd-analyze"), bundle, units)
}

/// The same, by this program.
pub fn by_analyzer(program: Option<PathBuf>, bundle: &Bundle, units: &[Unit]) -> Vec<Check> {
    systemd::check(program, bundle, units)
}

/// By our own rules.
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
    findings.extend(no_text.map(|entry| format!("{} is no text", entry.name)));
    Check::of("units", findings, format!("{} units", units.len()))
}
