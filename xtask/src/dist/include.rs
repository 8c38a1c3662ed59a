//! `[bundle] include`: extra files, found on disk.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use walkdir::WalkDir;

use super::stage::{EXECUTABLE, PLAIN};
use crate::settings::Include;
use crate::ui;

/// A file to ship.
#[derive(Debug)]
pub struct Found {
    /// Its name in the zip.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Only the owner's exec bit counts, so that the umask doesn't show.
    pub mode: u32,
}

/// All files of all includes, relative to `folder`.
///
/// # Errors
/// When one is missing, is a link or a device, or has a name that is not UTF-8.
pub fn find(includes: &[Include], folder: &Path) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for include in includes {
        let before = found.len();
        collect(include, folder, &mut found)?;
        if found.len() == before {
            ui::warning(format!("the include `{}` holds no files", include.from));
        }
    }
    Ok(found)
}

fn collect(include: &Include, folder: &Path, found: &mut Vec<Found>) -> Result<()> {
    let root = folder.join(include.from.as_str());
    if root.symlink_metadata().is_err() {
        return Err(missing(include, &root));
    }
    for entry in WalkDir::new(&root).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot read the include `{}`", include.from))?;
        if entry.file_type().is_dir() {
            continue;
        }
        let path = entry.path();
        if !entry.file_type().is_file() {
            let kind = if entry.path_is_symlink() {
                "a symbolic link"
            } else {
                "not a file"
            };
            return Err(ui::advised(
                format!("{} is {kind}", path.display()),
                ["a bundle holds only files: include what the link points to"],
            ));
        }
        let relative = path.strip_prefix(&root)?;
        let name = name_in_zip(include.to.as_str(), relative)
            .with_context(|| format!("{}: the name is not UTF-8, or has a `\\`", path.display()))?;
        let mode = mode(&entry.metadata()?);
        found.push(Found {
            name,
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// `to` and the path below it, `/`-separated.
fn name_in_zip(to: &str, relative: &Path) -> Option<String> {
    let mut parts: Vec<&str> = to.split('/').filter(|part| *part != ".").collect();
    for part in relative.components() {
        let part = part.as_os_str().to_str()?;
        parts.push((!part.contains('\\')).then_some(part)?);
    }
    Some(parts.join("/"))
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
        "the include `{}` is missing: no {}",
        include.from,
        path.display()
    ))
}
