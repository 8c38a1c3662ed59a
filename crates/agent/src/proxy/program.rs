//! Finds out whether nginx's executable, a library or a module was replaced since nginx has loaded it. nginx reads
//! them only when its master starts, not at a reload.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use anyhow::Result;

use super::view::View;
use crate::instance::system::System;

/// The file that lists what nginx has loaded: each path, with the identity of the file at that time.
const LOADED: &str = "/run/flipless/front-program";
/// The kernel appends this text to the path of a deleted file (proc_pid_maps(5)).
const DELETED: &str = " (deleted)";
/// The prefixes of deleted files in which a program keeps code that it has generated itself, for example from regular
/// expressions.
const OWN_CODE: [&str; 4] = ["/memfd:", "/dev/", "/tmp/", "/var/tmp/"];

/// Records the files that this master has loaded. Forgets the files of the previous master.
pub fn note(system: &System, master: u32) -> Result<()> {
    write(system, &BTreeMap::new(), master)
}

/// Records the files that the master has loaded since [`note`]. A reload may load further modules.
pub fn note_further(system: &System, master: u32) -> Result<()> {
    write(system, &noted(system)?, master)
}

fn write(system: &System, noted: &BTreeMap<String, String>, master: u32) -> Result<()> {
    let mut files = noted.clone();
    let view = View::of(system, master);
    for path in loaded(system, master)? {
        let now = identity(&view, &path);
        files.entry(path).or_insert(now);
    }
    if files == self::noted(system)? {
        return Ok(());
    }
    let lines = files
        .iter()
        .map(|(path, identity)| format!("{identity} {path}\n"));
    system.write(LOADED, lines.collect::<String>().as_bytes(), 0o644)
}

/// Returns a file that was replaced since this master has loaded it.
pub fn replaced(system: &System, master: u32) -> Result<Option<String>> {
    let noted = noted(system)?;
    let view = View::of(system, master);
    let is_replaced = |path: &String| match path.strip_suffix(DELETED) {
        Some(path) => !OWN_CODE.iter().any(|folder| path.starts_with(folder)),
        None => noted
            .get(path)
            .is_some_and(|noted| *noted != identity(&view, path)),
    };
    let mut loaded = loaded(system, master)?.into_iter();
    let found = loaded.find(is_replaced);
    Ok(found.map(|path| path.trim_end_matches(DELETED).to_owned()))
}

fn noted(system: &System) -> Result<BTreeMap<String, String>> {
    let text = system.read(LOADED)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    Ok(lines
        .map(|(identity, path)| (path.into(), identity.into()))
        .collect())
}

/// Returns the files of which a process has mapped code, with the paths that it sees. Each line of its maps is
/// `address perms offset dev inode path` (proc_pid_maps(5)).
fn loaded(system: &System, pid: u32) -> Result<Vec<String>> {
    let maps = system
        .read(format!("/proc/{pid}/maps"))?
        .unwrap_or_default();
    let maps = String::from_utf8_lossy(&maps).into_owned();
    let code = maps.lines().filter_map(|line| {
        let (fields, path) = line.split_once(" /")?;
        let is_code = fields.split(' ').nth(1)?.contains('x');
        is_code.then(|| format!("/{path}"))
    });
    Ok(code.collect())
}

/// Returns a text that changes if another file is put at this path, or if the file's content changes. The device and
/// inode in the maps can't serve for this: on an overlay file system they differ from those of the path.
fn identity(view: &View, path: &str) -> String {
    match view.metadata(path) {
        Some(file) => format!(
            "{}:{}:{}:{}.{}",
            file.dev(),
            file.ino(),
            file.size(),
            file.mtime(),
            file.mtime_nsec()
        ),
        None => "missing".into(),
    }
}

#[cfg(test)]
mod tests;
