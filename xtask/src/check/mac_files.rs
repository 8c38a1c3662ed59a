//! Files that macOS adds to a zip.

use flipless_settings::ebextensions;

use super::outcome::Check;
use crate::bundle::Bundle;

/// The folder that Finder's own zips have for resource forks.
pub const FOLDER: &str = "__MACOSX";

/// Warns about files that macOS adds to a zip. EB reads such a file as a configuration file if its name fits, and
/// refuses the version (<https://github.com/parse-community/parse-server-example/issues/112>). Another check reports
/// such a file among the hooks.
pub fn check(bundle: &Bundle) -> Check {
    let names = bundle.entries.iter().map(|entry| entry.name.as_str());
    let (read, others): (Vec<_>, Vec<_>) = names.filter(|name| is_of_mac(name)).partition(|name| {
        name.contains(&format!("/{}", ebextensions::FOLDER)) && name.ends_with(".config")
    });
    let read = read
        .iter()
        .map(|name| format!("{name} is a file that macOS adds; EB reads it, but it is not YAML"));
    let others = others
        .iter()
        .map(|name| format!("{name} is a file that macOS adds"));
    Check::of("macOS files", read.collect(), "none")
        .with_warnings(&others.collect::<Vec<_>>())
        .with_hint("pack with `zip -r -X FILE . -x '__MACOSX/*' '*/._*'`, or exclude `._*` from the include")
}

fn is_of_mac(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    name.split('/').next() == Some(FOLDER) || file.starts_with("._")
}
