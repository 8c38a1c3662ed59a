//! Reads files. Every error contains the path.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Opens a file.
///
/// # Errors
/// If the file can't be opened.
pub fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("cannot open {}", path.display()))
}

/// Returns the text of a file; `None` if the file does not exist.
///
/// # Errors
/// If the file can't be read, or is not valid UTF-8.
pub fn text(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        text => {
            let text = text.with_context(|| format!("cannot read {}", path.display()))?;
            Ok(Some(text))
        }
    }
}

/// Returns the SHA-256 of a file's content, in hex.
///
/// # Errors
/// If the file can't be read.
pub fn sha256(path: &Path) -> Result<String> {
    let mut meter = Meter::new(open(path)?);
    io::copy(&mut meter, &mut io::sink())
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(meter.sha256())
}

/// A reader that counts and hashes the bytes that pass through it.
pub struct Meter<R> {
    inner: R,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> Meter<R> {
    /// Wraps a reader.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    /// The number of bytes read.
    pub fn count(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of the bytes read, in hex.
    pub fn sha256(self) -> String {
        self.hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}
