//! Checks the names of entries, so that `unzip` writes every file where EB expects it, and none elsewhere.

use std::collections::BTreeSet;

use super::mac_files;
use super::outcome::Check;
use crate::bundle::{Bundle, Content, Entry};

/// The most nested folders of a file.
const MAX_DEPTH: usize = 64;
/// The most bytes of one part of a name (NAME_MAX).
const MAX_PART: usize = 255;

/// Checks the records of the zip. If they are wrong, no other check runs.
pub fn structure(bundle: &Bundle) -> Check {
    let fault = bundle.fault.clone().into_iter().collect();
    Check::of("zip", fault, "each byte belongs to one record").with_hint(
        "pack it again with `cargo xtask dist`, or with `zip -r FILE .` inside the folder; do not zip into a \
         pipe",
    )
}

/// Checks the names, the layout and the kinds of the entries.
pub fn check(bundle: &Bundle) -> Vec<Check> {
    let entries = &bundle.entries;
    let of_all = |finding: fn(&Entry) -> Option<String>| -> Vec<String> {
        entries.iter().filter_map(finding).collect()
    };
    vec![
        Check::of("layout", layout(bundle), "no parent folder"),
        Check::of(
            "names",
            of_all(wrong_name),
            format!("{} entries, relative, UTF-8", entries.len()),
        ),
        Check::of("clashes", clashes(bundle), "no file is also a folder"),
        Check::of(
            "unzip",
            of_all(unusual),
            "stored or deflated, not encrypted",
        ),
        Check::of("content", of_all(broken), "sizes and checksums are right")
            .with_warnings(&of_all(unchecked)),
    ]
}

fn unusual(entry: &Entry) -> Option<String> {
    let why = entry.unusual.as_ref()?;
    Some(format!("{} is {why}", entry.name))
}

fn broken(entry: &Entry) -> Option<String> {
    match &entry.content {
        Content::Broken(why) => Some(format!("{} cannot be read: {why}", entry.name)),
        _ => None,
    }
}

fn unchecked(entry: &Entry) -> Option<String> {
    match &entry.content {
        Content::Unchecked(why) => Some(format!("{} is not checked: {why}", entry.name)),
        _ => None,
    }
}

fn layout(bundle: &Bundle) -> Vec<String> {
    let folder = parent_folder(bundle).map(|folder| {
        format!(
            "everything lies in `{folder}/`, but EB needs the files at the root: run `zip` inside this folder"
        )
    });
    folder.into_iter().collect()
}

/// The folder that contains all entries, if there is one. The folder that macOS adds does not count.
pub fn parent_folder(bundle: &Bundle) -> Option<&str> {
    let top = |entry: &Entry| entry.name.find('/');
    let of_mac = |entry: &&Entry| entry.name.split('/').next() == Some(mac_files::FOLDER);
    let mut entries = bundle.entries.iter().filter(|entry| !of_mac(entry));
    let first = entries.next()?;
    let folder = &first.name[..top(first)?];
    let inside = |entry: &Entry| top(entry).is_some_and(|end| &entry.name[..end] == folder);
    entries.all(inside).then_some(folder)
}

fn wrong_name(entry: &Entry) -> Option<String> {
    let name = &entry.name;
    let path = name.strip_suffix('/').unwrap_or(name);
    let parts = || path.split('/');
    let drive = path.as_bytes().get(1) == Some(&b':');
    let why = if name.contains(char::REPLACEMENT_CHARACTER) && !entry.utf8 {
        "not UTF-8: rename the file"
    } else if !entry.utf8 {
        "not flagged as UTF-8, so tools read it as CP437: pack with another tool"
    } else if name.starts_with('/') || drive {
        "an absolute path"
    } else if name.contains('\\') {
        "has a backslash, which `unzip` may read as `/`: pack on Linux, or rename the file"
    } else if parts().any(|part| part == "..") {
        "leads out of the bundle"
    } else if parts().any(|part| part.is_empty() || part == ".") {
        "has an empty part"
    } else if name.chars().any(char::is_control) {
        "has a control character"
    } else if parts().any(|part| part.len() > MAX_PART) || parts().count() > MAX_DEPTH {
        "longer or deeper than a path can be"
    } else {
        wrong_kind(entry)?
    };
    Some(format!("{name:?}: {why}"))
}

/// Compares the file type (inode(7)) with the name.
fn wrong_kind(entry: &Entry) -> Option<&'static str> {
    match (entry.file_type(), entry.folder) {
        (0 | 0o040_000, true) if entry.bytes == 0 => None,
        (_, true) => Some("a folder's name, but the entry is something else"),
        (0 | 0o100_000 | 0o120_000, false) => None,
        (0o040_000, false) => Some("a folder without a slash at its end"),
        _ => Some("neither a file, nor a folder, nor a link"),
    }
}

/// Files that have the name of a folder. Names that differ only in case are two files on Linux.
fn clashes(bundle: &Bundle) -> Vec<String> {
    // Another check reports invalid names. Here they would only cost time.
    let fine = || bundle.entries.iter().filter(|e| wrong_name(e).is_none());
    let files = fine().filter(|entry| !entry.folder);
    let files: BTreeSet<&str> = files.map(|entry| entry.name.as_str()).collect();
    let mut findings = Vec::new();
    for Entry { name, .. } in fine() {
        let parents = name.match_indices('/').map(|(end, _)| &name[..end]);
        let clashing = parents.filter(|parent| files.contains(parent));
        findings.extend(
            clashing.map(|file| format!("{file:?} is a file, and also the folder of {name:?}")),
        );
    }
    findings
}
