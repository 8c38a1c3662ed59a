//! A zip as the checks see it. It may be hostile: every amount is bounded.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use anyhow::{Context, Result};
use flipless_settings::{Settings, layout};
use zip::ZipArchive;

mod content;
pub mod elf;
mod fields;
pub mod glibc;
pub mod manifest;
mod structure;

use content::{Budget, read_content};
pub use content::{Content, Meter};
use structure::Record;

/// What was read of a zip.
#[derive(Debug, Default)]
pub struct Bundle {
    /// The zip's own size.
    pub zip_bytes: u64,
    /// What is wrong with the zip's records. No entry is looked at then.
    pub fault: Option<String>,
    /// The entries, in the zip's order.
    pub entries: Vec<Entry>,
}

/// One file (or folder) of the zip.
#[derive(Debug, Default)]
pub struct Entry {
    /// The name; what is not UTF-8 in it is replaced, and `utf8` is false.
    pub name: String,
    /// The name is UTF-8, and every tool reads it as that.
    pub utf8: bool,
    /// The Unix mode, with the file type; none if the zip has none.
    pub mode: Option<u32>,
    /// Ends in `/`.
    pub folder: bool,
    /// Something that `unzip` can't do: a method other than stored or deflated, encryption.
    pub unusual: Option<String>,
    /// Bytes, unpacked: counted, not believed.
    pub bytes: u64,
    /// SHA-256 of the content, in hex.
    pub sha256: String,
    /// What is in it, as far as a check wants to know.
    pub content: Content,
}

/// The file type in a Unix mode (inode(7)), for a link.
const LINK: u32 = 0o120_000;

impl Entry {
    /// The content, if it is a text that a check reads.
    pub fn text(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// May its owner execute it?
    pub fn executable(&self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o100 != 0)
    }

    /// The file type in its mode; 0 if the zip says none.
    pub fn file_type(&self) -> u32 {
        self.mode.unwrap_or(0) & 0o170_000
    }

    /// A symbolic link; its target is its content.
    pub fn is_link(&self) -> bool {
        self.file_type() == LINK
    }

    fn new(record: &Record) -> Self {
        let name = String::from_utf8_lossy(&record.name).into_owned();
        // Bit 11: the name is UTF-8. Without it, tools take other bytes than ASCII for CP437.
        let declared = record.flags & (1 << 11) != 0 || name.is_ascii();
        Self {
            utf8: declared && std::str::from_utf8(&record.name).is_ok(),
            mode: record.mode,
            folder: name.ends_with('/'),
            unusual: unusual(record),
            name,
            ..Self::default()
        }
    }
}

/// What is beyond Info-ZIP's `unzip`, or beyond us.
fn unusual(record: &Record) -> Option<String> {
    // Bits 1 and 2 are the deflater's level, 3 says "streamed", 11 "UTF-8".
    let known = 0b1000_0000_1110;
    match (record.method, record.flags) {
        (_, flags) if flags & 1 != 0 => Some("encrypted".into()),
        (0 | 8, flags) if flags & !known != 0 => Some(format!("flagged as {flags:#06x}")),
        (0 | 8, _) => None,
        (method, _) => Some(format!("compressed by method {method}")),
    }
}

impl Bundle {
    /// Reads a zip; memory and time are bounded, whatever it holds. Faults inside are kept for the checks.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn open(path: &Path) -> Result<Self> {
        let context = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(context)?;
        let zip_bytes = file.metadata().with_context(context)?.len();
        Ok(Self::read(BufReader::new(file), zip_bytes))
    }

    /// Reads an opened zip of so many bytes.
    pub fn read(mut zip: impl Read + Seek, zip_bytes: u64) -> Self {
        let read = structure::read(&mut zip).and_then(|records| read_entries(zip, &records));
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

    /// The resolved settings that the bundle was built with.
    ///
    /// # Errors
    /// With the reason, when it has none that can be read.
    pub fn settings(&self) -> std::result::Result<Settings, String> {
        let file = layout::SETTINGS_FILE;
        let entry = self.get(file).ok_or(format!("{file} is missing"))?;
        let text = entry.text().ok_or(format!("{file} is no text"))?;
        Settings::from_json(text).map_err(|error| format!("{file}: {error}"))
    }

    /// The entry of this name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

fn read_entries(zip: impl Read + Seek, records: &[Record]) -> Result<Vec<Entry>, String> {
    let mut budget = Budget::for_content(records.iter().map(|record| record.bytes).sum())?;
    let mut zip = ZipArchive::new(zip).map_err(|error| error.to_string())?;
    if zip.len() != records.len() {
        return Err("the zip library finds other entries".into());
    }
    let read = |(index, record): (usize, &Record)| {
        let mut entry = Entry::new(record);
        if entry.unusual.is_none() {
            match zip.by_index(index) {
                Ok(mut file) => read_content(&mut file, record.bytes, &mut entry, &mut budget),
                Err(error) => entry.content = Content::Broken(error.to_string()),
            }
        }
        entry
    };
    Ok(records.iter().enumerate().map(read).collect())
}
