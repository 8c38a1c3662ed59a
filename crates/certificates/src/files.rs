//! Reads and replaces files. At every moment, a file is complete.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

/// The size limit in bytes. Every state, certificate chain and key is shorter.
const LONGEST: u64 = 1 << 20;

/// Reads a file of at most 1 MiB.
///
/// # Errors
/// If the file can't be read or is longer.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?
        .take(LONGEST + 1)
        .read_to_end(&mut content)?;
    if content.len() as u64 > LONGEST {
        return Err(io::Error::other("the file is longer than 1 MiB"));
    }
    Ok(content)
}

/// Replaces a file. After a crash at any moment, the file has its old content or its new content (rename(2)).
///
/// # Errors
/// If the folder can't be written to.
pub fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let mut draft = name.to_owned();
    draft.push(".new");
    let draft = folder.join(draft);
    let written =
        write_draft(folder, &draft, content, mode).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write_draft(folder: &Path, draft: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The mode is in force from the first byte on, and `create_new` follows no link.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(draft)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    let owner = fs::metadata(folder)?;
    if owner.uid() != file.metadata()?.uid() {
        // If root calls the program by hand, the unit's user must still be able to read the file.
        fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_is_private_and_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        for content in ["old", "new"] {
            write(&path, content.as_bytes(), 0o600).unwrap();
            assert_eq!(read(&path).unwrap(), content.as_bytes());
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_leftover_or_a_link_in_the_place_of_the_draft_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("a"), folder.path().join("victim"));
        fs::write(&victim, "kept").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join("a.new")).unwrap();
        write(&path, b"new", 0o600).unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"kept");
    }

    #[test]
    fn a_write_that_fails_keeps_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"old", 0o600).unwrap();
        fs::create_dir(folder.path().join("a.new")).unwrap();
        assert!(write(&path, b"new", 0o600).is_err());
        assert_eq!(read(&path).unwrap(), b"old");
    }
}
