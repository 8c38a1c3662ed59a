//! Finds unknown nginx directives. This needs no nginx, and has the same result on every machine.

use std::collections::BTreeSet;

use super::nginx_syntax::{Configuration, Directive};
use super::outcome::Check;
use crate::bundle::Bundle;

/// Every directive in the sources of nginx 1.28.0 (EB's version), with all modules.
const KNOWN: &str = include_str!("directives.txt");
/// The directives of nginx modules that Amazon Linux 2023 has in packages of their own. Each entry is the beginning of
/// the directives' names, and the package.
const PACKAGES: [(&str, &str); 6] = [
    ("geoip_", "a module for GeoIP"),
    ("image_filter", "nginx-mod-http-image-filter"),
    ("mail", "nginx-mod-mail"),
    ("perl", "nginx-mod-http-perl"),
    ("stream", "nginx-mod-stream"),
    ("xslt_", "nginx-mod-http-xslt-filter"),
];
/// The most letters by which a name may differ from a suggestion.
const TYPO: usize = 2;
/// No directive of nginx has a longer name. A longer name, for example in a hostile file, is not compared with the known
/// names, and gets no suggestion.
const LONGEST: usize = 64;
/// A name with at least this many letters does not resemble another name by chance.
const LONG: usize = 10;
/// The byte order mark.
const MARK: char = '\u{feff}';
/// The most unknown names that get a suggestion. A check does not show more findings than this.
const COMPARED: usize = 20;

/// Checks that every directive is known. If the bundle brings modules, an unknown directive may belong to a module.
pub fn check(bundle: &Bundle, configuration: &Configuration) -> Check {
    let known: BTreeSet<&str> = KNOWN.lines().collect();
    let unknown = configuration.of_bundle();
    let unknown = unknown.filter(|one| !known.contains(one.name()));
    let (mut findings, mut warnings) = (Vec::new(), Vec::new());
    let modules = brings_modules(bundle);
    for (index, directive) in unknown.enumerate() {
        let near = (index < COMPARED)
            .then(|| nearest(directive.name(), &known))
            .flatten();
        // A module names its directives after itself, so a long name that is almost nginx's own is misspelt.
        let certain = !modules
            || directive.name().starts_with(MARK)
            || (near.is_some() && directive.name().len() >= LONG);
        let finding = finding(directive, near);
        if certain {
            &mut findings
        } else {
            &mut warnings
        }
        .push(finding);
    }
    if !modules {
        warnings.extend(configuration.of_bundle().filter_map(of_a_package));
    }
    if configuration.is_cut() {
        warnings.push("there are too many directives: the last ones are not checked".into());
    }
    Check::of("nginx: directives", findings, "all are directives of nginx")
        .with_warnings(&warnings)
        .with_hint(
            "nginx does not start with an unknown directive: correct the name, remove the line, or install \
             the module in a prebuild hook",
        )
}

/// Whether this is a directive of EB's nginx, or of one of its modules.
pub fn is_nginx_s(name: &str) -> bool {
    KNOWN.lines().any(|known| known == name)
}

/// Whether the bundle installs modules of nginx (packages `nginx-mod-…`) or loads one. A module may have its own
/// directives and variables.
pub fn brings_modules(bundle: &Bundle) -> bool {
    let signs = ["load_module", "nginx-mod", "nginx-all-modules"];
    let brings = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        signs.iter().any(|sign| text.contains(sign))
    };
    let mut texts = bundle.entries.iter().filter_map(|entry| entry.text());
    texts.any(brings)
}

fn of_a_package(directive: &Directive) -> Option<String> {
    let (name, place) = (directive.name(), directive.place());
    let (_, package) = PACKAGES.iter().find(|(start, _)| name.starts_with(start))?;
    let top = directive.inside.is_empty() || !["mail", "stream"].contains(&name);
    top.then(|| format!("{place}: `{name}` needs {package}, which nothing in the bundle installs"))
}

/// The known name that differs least.
fn nearest<'a>(name: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    let known = known.iter().filter(|_| name.len() <= LONGEST);
    let near = known.map(|other| (strsim::levenshtein(name, other), *other));
    let (_, other) = near.min().filter(|(distance, _)| *distance <= TYPO)?;
    Some(other)
}

fn finding(directive: &Directive, near: Option<&str>) -> String {
    let (name, place) = (directive.name(), directive.place());
    if name.starts_with(MARK) {
        return format!(
            "{place}: the file begins with a byte order mark, which nginx reads as part of a name"
        );
    }
    let meant = near.map(|other| format!("; did you mean `{other}`?"));
    let meant = meant.unwrap_or_default();
    format!("{place}: `{name}` is not a directive of nginx{meant}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eb_s_own_files_have_known_directives_only() {
        let known: BTreeSet<&str> = KNOWN.lines().collect();
        let configuration = Configuration::of(&Bundle::default());
        assert!(configuration.directives.len() > 20);
        for directive in &configuration.directives {
            assert!(known.contains(directive.name()), "{directive:?}");
        }
    }
}
