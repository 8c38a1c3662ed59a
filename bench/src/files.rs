//! 400 MB of real files: many small texts and a few large ones.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use walkdir::WalkDir;

use crate::process;
use crate::row::Trouble;

/// The limit for the bytes of all files.
const BYTES: u64 = 400_000_000;
/// The limit for the bytes of the texts.
const TEXTS: u64 = 200_000_000;
/// The mixture contains no file of this size or larger.
const LARGEST: u64 = 180_000_000;

/// Copies files that every machine with cargo has: the sources of the dependencies, and the compiler's libraries.
///
/// # Errors
/// If the machine has too few of these files, or one of them can't be copied.
pub fn gather(folder: &Path) -> Result<(), Trouble> {
    let (home, library) = (cargo_home()?, library()?);
    let texts = copy_up_to(
        TEXTS,
        LARGEST,
        &home.join("registry/src"),
        &folder.join("texts"),
    )?;
    let all = texts + copy_up_to(BYTES - texts, LARGEST, &library, &folder.join("binaries"))?;
    match all > BYTES / 2 {
        true => Ok(()),
        false => Err(too_few(&library)),
    }
}

/// Copies only large files: the compiler's libraries.
///
/// # Errors
/// As [`gather`].
pub fn gather_large(folder: &Path) -> Result<(), Trouble> {
    let library = library()?;
    match copy_up_to(BYTES, BYTES, &library, folder)? > BYTES / 2 {
        true => Ok(()),
        false => Err(too_few(&library)),
    }
}

/// Returns the folder of the compiler's libraries.
fn library() -> Result<PathBuf, Trouble> {
    let sysroot = process::output("rustc", &["--print", "sysroot"]);
    let sysroot = sysroot.ok_or_else(|| Trouble::Missing("rustc".into()))?;
    Ok(Path::new(sysroot.trim()).join("lib"))
}

fn too_few(folder: &Path) -> Trouble {
    Trouble::Missing(format!("400 MB of files in {}", folder.display()))
}

fn cargo_home() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let user = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    home.or_else(user)
        .context("neither CARGO_HOME nor HOME is set")
}

/// Copies the files that are smaller than `largest` bytes, in the order of their names, and at most `limit` bytes in
/// all. Returns the number of bytes copied.
fn copy_up_to(limit: u64, largest: u64, from: &Path, to: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in WalkDir::new(from).sort_by_file_name() {
        let Ok(entry) = entry else { break };
        let size = entry.metadata()?.len();
        let fits = size < largest && bytes + size <= limit;
        if entry.file_type().is_file() && fits {
            let target = to.join(entry.path().strip_prefix(from)?);
            fs::create_dir_all(target.parent().unwrap_or(to))?;
            fs::copy(entry.path(), target)?;
            bytes += size;
        }
    }
    Ok(bytes)
}
