//! Copies one entry of a folder, and opens files without following links.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{
    DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt, chown, fchown,
};
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

/// The flags to open a file for reading. With them, open(2) follows no link, and does not wait for the writer of a
/// pipe.
const PLAIN: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// Opens a regular file. Anything else at this path is an error, for example a link that has replaced the file.
pub fn open_plain(path: &Path) -> io::Result<File> {
    plain(rustix::fs::open(path, PLAIN, Mode::empty())?.into())
}

/// Opens a file below `folder`, part by part. A link in any part is an error. openat2(2) can't do this here,
/// because `RestrictSUIDSGID=` blocks it in the agent's units (systemd's seccomp-util.c).
pub fn open_in(folder: &Path, file: &Path) -> io::Result<File> {
    let mut at = OwnedFd::from(File::open(folder)?);
    let mut parts = file.components().peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else {
            return Err(io::Error::other("the path leads out of its folder"));
        };
        let flags = match parts.peek() {
            Some(_) => PLAIN | OFlags::DIRECTORY,
            None => PLAIN,
        };
        at = openat(&at, name, flags, Mode::empty()).map_err(|error| match error {
            Errno::LOOP | Errno::NOTDIR => {
                io::Error::other("the path contains a link: ship the file itself")
            }
            other => other.into(),
        })?;
    }
    plain(at.into())
}

fn plain(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// Copies one entry to `target`, and replaces an existing one. See [`super::System::copy_tree`] for `group`.
pub fn entry(entry: &walkdir::DirEntry, target: &Path, group: Option<u32>) -> io::Result<()> {
    let kind = entry.file_type();
    if kind.is_dir() {
        return folder(entry.path(), target, group);
    }
    match fs::remove_file(target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if kind.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(entry.path())?, target);
    }
    if !kind.is_file() {
        return Err(io::Error::other(format!(
            "it is a {}; a bundle may only contain files, folders and links",
            name(kind)
        )));
    }
    file(entry.path(), target, group)
}

/// Copies a file. Sets the mode after the content, so that only root can read a half-written file. Does not copy a
/// set-user-ID bit.
fn file(source: &Path, target: &Path, group: Option<u32>) -> io::Result<()> {
    let mut from = open_plain(source)?;
    let mut to = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(target)?;
    // On XFS and Btrfs the copy shares its blocks with the source until one of them changes: `io::copy` calls
    // copy_file_range(2). So a copy takes no space, and little time if the source is already on the disk.
    io::copy(&mut from, &mut to)?;
    let metadata = from.metadata()?;
    // A server may send the time of a file, or an ETag that it makes from it.
    to.set_modified(metadata.modified()?)?;
    let (mode, group) = access(&metadata, group);
    // The mode comes last, because chown(2) clears bits of it.
    if group.is_some() {
        fchown(&to, None, group)?;
    }
    to.set_permissions(fs::Permissions::from_mode(mode))
}

/// Returns the mode of the copy, and its group if that is not root's.
fn access(source: &fs::Metadata, group: Option<u32>) -> (u32, Option<u32>) {
    let mode = source.permissions().mode();
    let open = match mode & 0o100 {
        0 => 0o644,
        _ => 0o755,
    };
    match (mode & 0o007, group) {
        (0, None) => (open & 0o700, None),
        (0, group) => (open & 0o750, group),
        _ => (open, None),
    }
}

fn folder(source: &Path, target: &Path, group: Option<u32>) -> io::Result<()> {
    unfold(target, group)?;
    match fs::DirBuilder::new().mode(0o700).create(target) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        // If the target is a link, the change of the mode would affect another file.
        Err(error) if !target.symlink_metadata()?.is_dir() => return Err(error),
        _ => {}
    }
    let (mode, group) = access(&source.symlink_metadata()?, group);
    if group.is_some() {
        chown(target, None, group)?;
    }
    fs::set_permissions(target, fs::Permissions::from_mode(mode))
}

/// Replaces a link to a folder by a copy of that folder. Otherwise a file that is copied below this path would end up
/// in the link's target.
fn unfold(target: &Path, group: Option<u32>) -> io::Result<()> {
    if !target.is_symlink() || !target.is_dir() {
        return Ok(());
    }
    let linked = target.canonicalize()?;
    fs::remove_file(target)?;
    for item in walkdir::WalkDir::new(&linked).sort_by_file_name() {
        let item = item?;
        let path = item
            .path()
            .strip_prefix(&linked)
            .map_err(io::Error::other)?;
        entry(&item, &target.join(path), group)?;
    }
    Ok(())
}

fn name(kind: fs::FileType) -> &'static str {
    match kind {
        _ if kind.is_fifo() => "named pipe",
        _ if kind.is_socket() => "socket",
        _ if kind.is_block_device() || kind.is_char_device() => "device",
        _ => "file of an unknown kind",
    }
}
