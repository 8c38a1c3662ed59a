//! Finds unknown nginx directives. This needs no nginx, and has the same result on every machine.

use std::collections::BTreeSet;

use super::nginx_syntax::{self, Directive};
use super::outcome::Check;
use crate::bundle::Bundle;

/// Every directive in the sources of nginx 1.28.0 (EB's version), with all modules.
const KNOWN: &str = include_str!("directives.txt");
/// Blocks that contain values instead of directives.
const VALUES: [&str; 5] = ["charset_map", "geo", "map", "split_clients", "types"];
/// The most letters by which a name may differ from a suggestion.
const TYPO: usize = 2;
/// No name of nginx is longer. Longer names, as in a hostile file, get no suggestion.
const LONGEST: usize = 64;
/// The most unknown names that get a suggestion. No more are shown.
const COMPARED: usize = 20;

/// Checks that every directive is known.
pub fn check(bundle: &Bundle) -> Check {
    let known: BTreeSet<&str> = KNOWN.lines().collect();
    let files: Vec<_> = nginx_syntax::files(bundle).collect();
    let mut findings = Vec::new();
    if !brings_modules(bundle) {
        for (path, directives) in &files {
            let unknown = directives.iter().filter(|one| !is_known(one, &known));
            for one in unknown {
                let near = (findings.len() < COMPARED).then_some(&known);
                findings.push(finding(path, one, near));
            }
        }
    }
    Check::of("nginx: directives", findings, "nginx knows all of them").with_hint(
        "nginx does not start with an unknown directive: correct the name, or remove the line",
    )
}

/// Whether this is a directive of EB's nginx, or of one of its modules.
pub fn is_nginx_s(name: &str) -> bool {
    KNOWN.lines().any(|known| known == name)
}

fn is_known(directive: &Directive, known: &BTreeSet<&str>) -> bool {
    let name = directive.words[0].as_str();
    let block = directive.inside.last().map_or("", String::as_str);
    VALUES.contains(&block) || known.contains(name)
}

/// Whether the bundle installs a module of nginx (package `nginx-mod-…`) or loads one. Such a module may have
/// its own directives.
fn brings_modules(bundle: &Bundle) -> bool {
    let brings = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        ["load_module", "nginx-mod"]
            .iter()
            .any(|sign| text.contains(sign))
    };
    bundle
        .entries
        .iter()
        .filter_map(|entry| entry.text())
        .any(brings)
}

/// The text of a finding, with the nearest name in `near` as a suggestion.
fn finding(path: &str, directive: &Directive, near: Option<&BTreeSet<&str>>) -> String {
    let (name, line) = (&directive.words[0], directive.line);
    let near = near.filter(|_| name.len() <= LONGEST).into_iter().flatten();
    let near = near.map(|other| (strsim::levenshtein(name, other), other));
    let meant = match near.min() {
        Some((distance, other)) if distance <= TYPO => format!("; did you mean `{other}`?"),
        _ => String::new(),
    };
    format!("{path}:{line}: `{name}` is not a directive of nginx{meant}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use flipless_settings::stock::NGINX_FILES;

    use super::*;

    #[test]
    fn eb_s_own_files_have_known_directives_only() {
        let known: BTreeSet<&str> = KNOWN.lines().collect();
        for (path, text) in NGINX_FILES {
            let directives = nginx_syntax::parse(text);
            assert!(!directives.is_empty());
            let unknown = directives.iter().find(|one| !is_known(one, &known));
            assert_eq!(unknown, None, "{path}");
        }
    }
}
