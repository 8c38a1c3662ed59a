//! A zip as the checks see it. It may be hostile: every amount is bounded.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use zip::{CompressionMethod, ZipArchive};

use super::elf::Elf;

/// Entries that are looked at; EB names no limit, this one bounds our memory.
const MAX_ENTRIES: usize = 100_000;
/// Bytes of all entries together, unpacked.
const MAX_TOTAL: u64 = 8 << 30;
/// Bytes of one file that is read as text.
const MAX_TEXT: u64 = 1 << 20;
/// Bytes of one executable: larger than any zip may be.
const MAX_ELF: u64 = 1 << 30;

/// What was read of a zip.
pub struct Bundle {
    /// The zip's own size.
    pub zip_bytes: u64,
    /// Two entries have the same name.
    pub duplicates: bool,
    /// The entries, in the zip's order.
    pub entries: Vec<Entry>,
}

/// One file (or folder) of the zip.
#[derive(Debug, Default)]
pub struct Entry {
    /// The name; what is not UTF-8 in it is replaced, and `utf8` is false.
    pub name: String,
    /// The name is UTF-8.
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

/// The content of an entry.
#[derive(Debug, Default)]
pub enum Content {
    /// Of no interest.
    #[default]
    Other,
    /// A file that EB or systemd reads.
    Text(Vec<u8>),
    /// An executable or library.
    Elf(Box<Elf>),
    /// It could not be read, and why.
    Broken(String),
}

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
}

impl Bundle {
    /// Reads a zip. What is wrong with an entry is kept in the entry.
    ///
    /// # Errors
    /// When it is no zip, or more than is bearable.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let zip_bytes = file.metadata()?.len();
        let mut zip = ZipArchive::new(BufReader::new(file))?;
        ensure!(zip.len() <= MAX_ENTRIES, "more than {MAX_ENTRIES} entries");
        let overlapping = zip
            .has_overlapping_files()
            .context("cannot read the entries")?;
        ensure!(!overlapping, "entries overlap: a zip bomb");
        let mut left = MAX_TOTAL;
        let mut entries = Vec::with_capacity(zip.len());
        for index in 0..zip.len() {
            let entry = read_entry(&mut zip, index, left)?;
            left = left.saturating_sub(entry.bytes);
            ensure!(left > 0, "more than {} GiB unpacked", MAX_TOTAL >> 30);
            entries.push(entry);
        }
        let duplicates = zip.has_duplicate_names();
        Ok(Self {
            zip_bytes,
            duplicates,
            entries,
        })
    }

    /// The entry of this name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

fn read_entry(zip: &mut ZipArchive<BufReader<File>>, index: usize, left: u64) -> Result<Entry> {
    let raw = zip.by_index_raw(index)?;
    let mut entry = Entry {
        name: String::from_utf8_lossy(raw.name_raw()).into_owned(),
        utf8: std::str::from_utf8(raw.name_raw()).is_ok(),
        mode: raw.unix_mode(),
        folder: raw.name_raw().ends_with(b"/"),
        unusual: unusual(raw.compression(), raw.encrypted()),
        ..Entry::default()
    };
    drop(raw);
    if entry.unusual.is_none() {
        let mut file = zip.by_index(index)?;
        read_content(&mut file, &mut entry, left);
    }
    Ok(entry)
}

fn unusual(method: CompressionMethod, encrypted: bool) -> Option<String> {
    let usual = [CompressionMethod::Stored, CompressionMethod::Deflated].contains(&method);
    match (usual, encrypted) {
        (_, true) => Some("encrypted".into()),
        (false, _) => Some(format!("compressed as {method}")),
        _ => None,
    }
}

/// Reads at most `left` bytes, keeping only what a check wants.
fn read_content(file: &mut impl Read, entry: &mut Entry, left: u64) {
    let mut limited = Meter::new(file.take(left));
    let content = interesting(&mut limited, &entry.name)
        .unwrap_or_else(|error| Content::Broken(error.to_string()));
    // The rest: the checksum is verified at the end.
    let rest = std::io::copy(&mut limited, &mut std::io::sink());
    entry.content = rest.map_or_else(|error| Content::Broken(error.to_string()), |_| content);
    entry.bytes = limited.bytes;
    entry.sha256 = limited.sha256();
}

fn interesting(reader: &mut impl Read, name: &str) -> std::io::Result<Content> {
    let mut start = Vec::new();
    reader.take(4).read_to_end(&mut start)?;
    if start == b"\x7fELF" {
        let mut bytes = start;
        reader.take(MAX_ELF).read_to_end(&mut bytes)?;
        return Ok(match Elf::parse(&bytes) {
            Ok(elf) => Content::Elf(elf.into()),
            Err(error) => Content::Broken(format!("a damaged ELF file: {error}")),
        });
    }
    if !is_read_by_the_platform(name) {
        return Ok(Content::Other);
    }
    reader.take(MAX_TEXT).read_to_end(&mut start)?;
    Ok(Content::Text(start))
}

fn is_read_by_the_platform(name: &str) -> bool {
    let folders = [".platform/", "systemd/"];
    name == "Procfile" || folders.iter().any(|folder| name.starts_with(folder))
}

/// Counts and hashes what is read through it.
pub struct Meter<R> {
    inner: R,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> Meter<R> {
    /// Nothing read yet.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    /// Of what was read, in hex.
    pub fn sha256(self) -> String {
        self.hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}
