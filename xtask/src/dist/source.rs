//! Reads a file for the zip. Fails if the file changes during the read, because the zip could then contain parts of the
//! old and of the new content.

use std::fs::Metadata;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::files;

/// Copies the file's content to `target`. Then compares size, time and inode with their values before the copy. It also
/// reads the content once more and compares the hashes, because the time alone would miss a change within one tick of
/// the clock.
///
/// # Errors
/// If the file can't be read, or has changed.
pub fn copy_unchanged(path: &Path, target: &mut impl Write) -> Result<()> {
    let context = || format!("cannot pack {}", path.display());
    let mut file = files::open(path)?;
    let before = Identity::of(&file.metadata()?);
    let first = copy(&mut file, target).with_context(context)?;
    let mut again = files::open(path)?;
    let after = Identity::of(&again.metadata()?);
    if before != after || first != copy(&mut again, &mut io::sink()).with_context(context)? {
        bail!("{} changed while it was read", path.display());
    }
    Ok(())
}

/// Copies the content, and returns its SHA-256.
fn copy(reader: &mut impl Read, writer: &mut impl Write) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            count => {
                hash.update(&buffer[..count]);
                writer.write_all(&buffer[..count])?;
            }
        }
    }
}

#[derive(PartialEq)]
struct Identity {
    bytes: u64,
    modified: Option<std::time::SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64),
}

impl Identity {
    fn of(data: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            bytes: data.len(),
            modified: data.modified().ok(),
            #[cfg(unix)]
            inode: (data.dev(), data.ino()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::path::PathBuf;

    /// A writer that changes the file when its first bytes arrive.
    struct Meddler<'a>(&'a PathBuf, Option<fn(&Path)>, Vec<u8>);

    impl Write for Meddler<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(meddle) = self.1.take() {
                meddle(self.0);
            }
            self.2.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pack(meddle: Option<fn(&Path)>) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, vec![b'a'; 100_000]).unwrap();
        let mut target = Meddler(&path, meddle, Vec::new());
        let result = copy_unchanged(&path, &mut target);
        result.map(|()| target.2).map_err(|error| error.to_string())
    }

    #[test]
    fn an_unchanged_file_is_copied() {
        assert_eq!(pack(None), Ok(vec![b'a'; 100_000]));
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_an_error() {
        let grows = |path: &Path| fs::write(path, vec![b'b'; 200_000]).unwrap();
        let shrinks = |path: &Path| fs::write(path, "").unwrap();
        let is_replaced = |path: &Path| {
            let other = path.with_extension("new");
            fs::write(&other, vec![b'a'; 100_000]).unwrap();
            fs::rename(other, path).unwrap();
        };
        let changes_in_secret = |path: &Path| {
            let time = fs::metadata(path).unwrap().modified().unwrap();
            fs::write(path, vec![b'b'; 100_000]).unwrap();
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(time).unwrap();
        };
        for meddle in [grows, shrinks, is_replaced, changes_in_secret] as [fn(&Path); 4] {
            let error = pack(Some(meddle)).unwrap_err();
            assert!(error.contains("changed while it was read"), "{error}");
        }
        let is_removed = |path: &Path| fs::remove_file(path).unwrap();
        assert!(pack(Some(is_removed)).unwrap_err().contains("cannot open"));
    }
}
