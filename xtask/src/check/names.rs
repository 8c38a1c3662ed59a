//! Names of entries: what `unzip` writes where EB expects it, and nowhere else.

use std::collections::BTreeMap;

use super::Check;
use super::bundle::{Bundle, Entry};

/// Names, layout, and the kinds of entries.
pub fn check(bundle: &Bundle) -> Vec<Check> {
    let entries = &bundle.entries;
    let unsafe_names = entries.iter().filter_map(wrong_name).collect();
    let unusual = entries.iter().filter_map(|entry| {
        let why = entry.unusual.as_ref()?;
        Some(format!("{} is {why}", entry.name))
    });
    vec![
        Check::of("layout", parent_folder(bundle), "no parent folder"),
        Check::of(
            "names",
            unsafe_names,
            format!("{} entries, relative, UTF-8", entries.len()),
        ),
        Check::of("clashes", clashes(bundle), "none, not even in case"),
        Check::of("unzip", unusual.collect(), "stored or deflated, no links"),
    ]
}

fn parent_folder(bundle: &Bundle) -> Vec<String> {
    if bundle.get("Procfile").is_some() {
        return Vec::new();
    }
    let top = |entry: &Entry| entry.name.split_once('/').map(|(top, _)| top.to_owned());
    let first = bundle.entries.first().and_then(top);
    let parent = first.filter(|first| {
        bundle
            .entries
            .iter()
            .all(|e| top(e).as_ref() == Some(first))
    });
    vec![match parent {
        Some(folder) => format!("everything lies in `{folder}/`: EB wants the content at the root"),
        None => "no Procfile at the root".into(),
    }]
}

fn wrong_name(entry: &Entry) -> Option<String> {
    let name = &entry.name;
    let path = name.strip_suffix('/').unwrap_or(name);
    let drive = path.as_bytes().get(1) == Some(&b':');
    let why = if !entry.utf8 {
        "not UTF-8"
    } else if name.starts_with('/') || drive {
        "an absolute path"
    } else if name.contains('\\') {
        "has a backslash"
    } else if path.split('/').any(|part| part == "..") {
        "leads out of the bundle"
    } else if path.split('/').any(|part| part.is_empty() || part == ".") {
        "has an empty part"
    } else if name.chars().any(char::is_control) {
        "has a control character"
    } else if entry
        .mode
        .is_some_and(|mode| !matches!(mode & 0o170000, 0 | 0o100000 | 0o040000 | 0o120000))
    {
        "neither a file nor a folder"
    } else {
        return None;
    };
    Some(format!("{name:?}: {why}"))
}

/// The same name twice, also when only the case differs, or a file where a folder is.
fn clashes(bundle: &Bundle) -> Vec<String> {
    let mut findings = Vec::new();
    if bundle.duplicates {
        findings.push("an entry's name occurs twice".into());
    }
    let mut seen = BTreeMap::new();
    for Entry { name, .. } in bundle.entries.iter().filter(|entry| !entry.folder) {
        if let Some(other) = seen.insert(name.to_lowercase(), name) {
            findings.push(format!("{other:?} and {name:?}"));
        }
    }
    for name in bundle.entries.iter().map(|entry| &entry.name) {
        let parents = name
            .match_indices('/')
            .map(|(end, _)| name[..end].to_lowercase());
        let files = parents.filter_map(|parent| seen.get(&parent));
        findings
            .extend(files.map(|file| format!("{file:?} is a file, and the folder of {name:?}")));
    }
    findings
}
