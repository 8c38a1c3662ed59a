//! Finds the files of `[bundle] include` on disk.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use walkdir::{DirEntry, WalkDir};

use super::exclude::Exclude;
use super::file_list::{EXECUTABLE, LINK, PLAIN};
use crate::ui;
use flipless_settings::config::{Include, Mode, Symlinks};

/// A file for the zip.
#[derive(Debug)]
pub struct Found {
    /// Its name in the zip.
    pub name: String,
    /// Its path on disk.
    pub path: PathBuf,
    /// The mode. If the include sets no `mode`, this depends only on the owner's exec bit, so the umask has no effect.
    pub mode: u32,
    /// Its target, if it is a symbolic link.
    pub link: Option<String>,
}

/// Returns all files of all includes. The includes are relative to `folder`.
///
/// # Errors
/// If an include does not exist or contains no files, or if a glob matches nothing. Also if a file can't be shipped,
/// such as a device, a link that the setting does not allow, or a file whose name is not UTF-8.
pub fn find(includes: &[Include], folder: &Path) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for include in includes {
        let before = found.len();
        collect(include, folder, &mut found)?;
        if found.len() == before {
            return Err(ui::advised(
                format!("the include `{}` contains no files", include.from),
                ["build these files before the bundle, or remove the include from flipless.toml"],
            ));
        }
    }
    Ok(found)
}

fn collect(include: &Include, folder: &Path, found: &mut Vec<Found>) -> Result<()> {
    let root = folder.join(include.from.as_str());
    if root.symlink_metadata().is_err() {
        return Err(missing(include, &root));
    }
    let exclude = Exclude::new(include)?;
    let follow = include.symlinks == Symlinks::Follow;
    let stays = |entry: &DirEntry| {
        let relative = entry.path().strip_prefix(&root).unwrap_or(entry.path());
        entry.depth() == 0 || !exclude.matches(relative)
    };
    let walk = WalkDir::new(&root)
        .follow_links(follow)
        .follow_root_links(follow)
        .sort_by_file_name();
    for entry in walk.into_iter().filter_entry(stays) {
        let entry = entry.map_err(|error| unreadable(include, &error))?;
        if !entry.file_type().is_dir() {
            found.push(file(include, &root, &entry)?);
        }
    }
    exclude.refuse_unused(include)
}

fn file(include: &Include, root: &Path, entry: &DirEntry) -> Result<Found> {
    let path = entry.path();
    let name = name_in_zip(include.to.as_str(), path.strip_prefix(root)?);
    let name = name.map_err(|why| unfit(path, why))?;
    let link = match entry.file_type() {
        kind if kind.is_file() => None,
        kind if kind.is_symlink() && include.symlinks == Symlinks::Keep => {
            let target = path.read_link()?;
            let target = target.to_str();
            let why = "is a link whose target is not UTF-8";
            Some(target.ok_or_else(|| unfit(path, why))?.to_owned())
        }
        kind if kind.is_symlink() => {
            return Err(ui::advised(
                format!("{} is a symbolic link", path.display()),
                [format!(
                    "{{ from = \"{}\", symlinks = \"follow\" }} ships the targets of links, and \"keep\" ships \
                     the links themselves",
                    include.from
                )],
            ));
        }
        _ => return Err(unfit(path, "is neither a file nor a folder")),
    };
    Ok(Found {
        name,
        mode: match include.mode {
            _ if link.is_some() => LINK,
            Some(Mode::Plain) => PLAIN,
            Some(Mode::Executable) => EXECUTABLE,
            None => mode(&entry.metadata()?),
        },
        path: path.to_owned(),
        link,
    })
}

/// Joins `to` and the path below `to` with `/`. The error is the reason why a name can't be in a zip.
fn name_in_zip(to: &str, relative: &Path) -> Result<String, &'static str> {
    let mut parts: Vec<&str> = to.split('/').filter(|part| *part != ".").collect();
    for part in relative.components() {
        let part = part.as_os_str().to_str();
        let part = part
            .ok_or("has a name that is not UTF-8, so tools would unpack it under another name")?;
        if part.contains('\\') {
            return Err(
                "has a `\\` in its name, which some tools read as `/` when they unpack the zip",
            );
        }
        parts.push(part);
    }
    Ok(parts.join("/"))
}

fn unfit(path: &Path, why: &str) -> anyhow::Error {
    let message = format!("{} {why}", path.display());
    ui::advised(
        message,
        ["rename the file, or leave it out with the include's `exclude`"],
    )
}

/// Returns the error for an include that can't be read. If a followed link leads nowhere or into a loop, the hint says
/// how to ship the link itself.
fn unreadable(include: &Include, error: &walkdir::Error) -> anyhow::Error {
    let message = format!("cannot read the include `{}`: {error}", include.from);
    let is_link = error.path().is_some_and(Path::is_symlink);
    match include.symlinks == Symlinks::Follow && is_link {
        true => ui::advised(
            message,
            ["`symlinks = \"keep\"` ships the link itself; `exclude` leaves it out"],
        ),
        false => anyhow!(message),
    }
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    if metadata.permissions().mode() & 0o100 != 0 {
        EXECUTABLE
    } else {
        PLAIN
    }
}

#[cfg(not(unix))]
fn mode(_: &Metadata) -> u32 {
    PLAIN
}

fn missing(include: &Include, path: &Path) -> anyhow::Error {
    let mut parents = path.ancestors().skip(1);
    let nearest = parents
        .find(|parent| parent.exists())
        .unwrap_or(Path::new("/"));
    let error = anyhow!("the nearest folder that exists is {}", nearest.display());
    error.context(format!(
        "the include `{}` does not exist: there is no {}",
        include.from,
        path.display()
    ))
}
