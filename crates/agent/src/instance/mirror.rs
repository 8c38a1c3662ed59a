//! Makes one folder equal to another. The agent uses this to save and to restore nginx's configuration.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;
use std::{fs, os::unix};

use anyhow::{Context, Result};

use super::system::{System, open_plain};

/// Makes `to` equal to `from`: contents, links, owners and modes. A rename replaces each file, so that no program
/// reads a half-written one. A file that is already equal stays untouched.
pub fn mirror(system: &System, from: &str, to: &str) -> Result<()> {
    let (source, target) = (system.locate(from), system.locate(to));
    remove_others(system, &source, &target, to)?;
    for entry in walkdir::WalkDir::new(&source)
        .min_depth(1)
        .sort_by_file_name()
    {
        let entry = entry.with_context(|| format!("cannot read {from}"))?;
        let relative = entry.path().strip_prefix(&source)?;
        let path = target.join(relative);
        copy(system, &entry, &path).with_context(|| format!("cannot copy {relative:?} to {to}"))?;
    }
    Ok(())
}

/// Removes every entry of `target` that `source` lacks, or has as another kind. Creates a missing `target`.
fn remove_others(system: &System, source: &Path, target: &Path, to: &str) -> Result<()> {
    if !target.is_dir() {
        return system.make_private_folder(to);
    }
    for entry in walkdir::WalkDir::new(target)
        .min_depth(1)
        .contents_first(true)
    {
        let entry = entry.with_context(|| format!("cannot read {to}"))?;
        let relative = entry.path().strip_prefix(target)?;
        let same = kind(&source.join(relative)) == kind(entry.path());
        if !same {
            system.remove(Path::new(to).join(relative))?;
        }
    }
    Ok(())
}

/// Returns the kind of the entry at `path`, for example a folder; `None` if there is no entry.
fn kind(path: &Path) -> Option<fs::FileType> {
    path.symlink_metadata()
        .ok()
        .map(|metadata| metadata.file_type())
}

fn copy(system: &System, entry: &walkdir::DirEntry, path: &Path) -> io::Result<()> {
    let metadata = entry.metadata()?;
    let kind = entry.file_type();
    let known = kind.is_dir() || kind.is_file() || kind.is_symlink();
    // Pipes and sockets do not belong to a configuration.
    if !known || is_equal(entry.path(), path) {
        return Ok(());
    }
    system.change("mirror", path, || {
        if kind.is_dir() {
            if !path.is_dir() {
                fs::create_dir(path)?;
            }
            return protect(path, &metadata);
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".flipless-new");
        let beside = path.with_file_name(name);
        let _ = fs::remove_file(&beside);
        match kind.is_symlink() {
            true => unix::fs::symlink(fs::read_link(entry.path())?, &beside)?,
            false => {
                let mut new = unix_private(&beside)?;
                io::copy(&mut open_plain(entry.path())?, &mut new)?;
                new.sync_all()?;
            }
        }
        protect(&beside, &metadata)?;
        fs::rename(&beside, path)
    })
}

/// Creates a file that only root can open until its mode is set, because it may contain a key.
fn unix_private(path: &Path) -> io::Result<fs::File> {
    use unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

/// Copies owner and mode. The owner comes first, because its change clears bits of the mode (chown(2)).
fn protect(path: &Path, like: &fs::Metadata) -> io::Result<()> {
    let own = path.symlink_metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        lchown(path, Some(like.uid()), Some(like.gid()))?;
    }
    match own.is_symlink() {
        true => Ok(()),
        false => fs::set_permissions(path, like.permissions()),
    }
}

fn is_equal(one: &Path, other: &Path) -> bool {
    let equal = || -> io::Result<bool> {
        let (a, b) = (one.symlink_metadata()?, other.symlink_metadata()?);
        let outside = |data: &fs::Metadata| (data.uid(), data.gid(), data.permissions().mode());
        Ok(outside(&a) == outside(&b)
            && match a.is_symlink() {
                true => fs::read_link(one)? == fs::read_link(other)?,
                false => a.is_dir() || a.len() == b.len() && fs::read(one)? == fs::read(other)?,
            })
    };
    equal().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::Instance;

    #[test]
    fn a_mirrored_folder_is_equal_and_has_nothing_else() {
        let instance = Instance::new();
        let system = &instance.system;
        let put = |path: &str, mode| system.write(path, path.as_bytes(), mode).unwrap();
        put("/a/key", 0o600);
        put("/a/deep/file", 0o644);
        put("/a/kind", 0o644);
        system.link(Path::new("deep/file"), "/a/link").unwrap();
        put("/b/kind/was-a-folder", 0o644);
        put("/b/old/more", 0o644);
        put("/b/key", 0o644);
        for _ in 0..2 {
            mirror(system, "/a", "/b").unwrap();
            assert_eq!(system.names("/b").unwrap(), ["deep", "key", "kind", "link"]);
            assert_eq!(system.read("/b/key").unwrap().unwrap(), b"/a/key");
            let mode = system.locate("/b/key").metadata().unwrap().mode();
            assert_eq!(mode & 0o777, 0o600, "a key stays root's");
            assert_eq!(
                system.link_target("/b/link").unwrap(),
                Path::new("deep/file")
            );
            assert!(system.exists("/b/deep/file"));
        }
        mirror(system, "/a", "/new").unwrap();
        let mode = system.locate("/new").metadata().unwrap().mode();
        assert_eq!(mode & 0o777, 0o700, "a copy is root's alone");
    }

    #[test]
    fn an_equal_file_is_not_touched() {
        let instance = Instance::new();
        let system = &instance.system;
        system.write("/a/file", b"x", 0o644).unwrap();
        mirror(system, "/a", "/b").unwrap();
        let inode = || system.locate("/b/file").metadata().unwrap().ino();
        let before = inode();
        mirror(system, "/a", "/b").unwrap();
        assert_eq!(inode(), before);
    }
}
