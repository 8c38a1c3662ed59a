//! The content of a zip, for the checks. A zip may be hostile, so every amount is limited.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use anyhow::{Context, Result};
use flipless_settings::{Settings, layout};
use zip::ZipArchive;

mod content;
pub mod elf;
mod entry;
mod fields;
pub mod glibc;
pub mod manifest;
mod structure;
mod zip_header;

use content::{Budget, read_content};
pub use entry::{Content, Entry};
use zip_header::ZipHeader;

/// The parts of a zip that were read.
#[derive(Debug, Default)]
pub struct Bundle {
    /// The zip's own size.
    pub zip_bytes: u64,
    /// A fault in the records of the zip. If there is one, no entry is read.
    pub fault: Option<String>,
    /// The entries, in the zip's order.
    pub entries: Vec<Entry>,
}

impl Bundle {
    /// Reads a zip with limited memory and time. A fault inside the zip is no error: it is kept for the checks.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn open(path: &Path) -> Result<Self> {
        let context = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(context)?;
        let zip_bytes = file.metadata().with_context(context)?.len();
        Ok(Self::read(BufReader::new(file), zip_bytes))
    }

    /// Reads an open zip of this size.
    pub fn read(mut zip: impl Read + Seek, zip_bytes: u64) -> Self {
        let read = structure::read(&mut zip).and_then(|headers| read_entries(zip, &headers));
        let (entries, fault) = match read {
            Ok(entries) => (entries, None),
            Err(fault) => (Vec::new(), Some(fault)),
        };
        Self {
            zip_bytes,
            fault,
            entries,
        }
    }

    /// The settings of the bundle, with every default filled in.
    ///
    /// # Errors
    /// If the bundle has no readable settings. The error is the reason.
    pub fn settings(&self) -> std::result::Result<Settings, String> {
        let file = layout::SETTINGS_FILE;
        let entry = self.get(file).ok_or(format!("{file} is missing"))?;
        let text = entry.text().ok_or(format!("{file} is not a text file"))?;
        Settings::from_json(text).map_err(|error| format!("{file}: {error}"))
    }

    /// The entry of this name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

fn read_entries(zip: impl Read + Seek, headers: &[ZipHeader]) -> Result<Vec<Entry>, String> {
    let mut budget = Budget::for_content(headers.iter().map(|header| header.bytes).sum())?;
    let mut zip = ZipArchive::new(zip).map_err(|error| error.to_string())?;
    if zip.len() != headers.len() {
        return Err("the zip library and flipless find different entries".into());
    }
    let read = |(index, header): (usize, &ZipHeader)| {
        let mut entry = Entry::new(header);
        if entry.unusual.is_none() {
            match zip.by_index(index) {
                Ok(mut file) => read_content(&mut file, header.bytes, &mut entry, &mut budget),
                Err(error) => entry.content = Content::Broken(error.to_string()),
            }
        }
        entry
    };
    Ok(headers.iter().enumerate().map(read).collect())
}
