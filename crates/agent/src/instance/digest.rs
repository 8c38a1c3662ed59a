//! Digests of bytes and of folders, as hexadecimal text.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::system::{System, open_plain};

/// Returns a digest of a folder: the paths, kinds, exec bits and contents of files, folders and links. Leaves out
/// sockets and pipes, because no copy has them.
pub fn of_tree(system: &System, folder: impl AsRef<Path>) -> Result<String> {
    let root = system.locate(folder);
    let mut digest = Sha256::new();
    for entry in walkdir::WalkDir::new(&root)
        .min_depth(1)
        .sort_by_file_name()
    {
        let entry = entry.with_context(|| format!("cannot read {root:?}"))?;
        let path = entry.path();
        let kind = entry.file_type();
        if !kind.is_symlink() && !kind.is_file() && !kind.is_dir() {
            continue;
        }
        digest.update(path.strip_prefix(&root)?.as_os_str().as_bytes());
        if kind.is_symlink() {
            digest.update(b"\0l");
            digest.update(fs::read_link(path)?.as_os_str().as_bytes());
        } else if kind.is_file() {
            let metadata = entry.metadata()?;
            let executable = metadata.permissions().mode() & 0o100 != 0;
            digest.update(if executable { b"\0x" } else { b"\0f" });
            digest.update(metadata.len().to_le_bytes());
            open_plain(path)
                .and_then(|mut file| io::copy(&mut file, &mut Writer(&mut digest)))
                .with_context(|| format!("cannot read {path:?}"))?;
        } else {
            digest.update(b"\0d");
        }
        digest.update(b"\0");
    }
    Ok(hex::encode(digest.finalize()))
}

/// Returns a digest of some bytes.
pub fn of_bytes(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

struct Writer<'a>(&'a mut Sha256);

impl io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
