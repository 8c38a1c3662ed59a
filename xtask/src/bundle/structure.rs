//! Reads the records of a zip strictly (PKWARE's APPNOTE.TXT, section 4.3).
//!
//! Tools trust different records of a zip. So this module accepts a zip only if its records cannot contradict each
//! other: central and local headers agree, and every byte belongs to exactly one record.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};

use super::fields::{Fields, at};
use super::zip_header::ZipHeader;

/// The length of the end record without its comment.
const END: usize = 22;
/// The most bytes of the directory. This limits memory. No bundle that a person makes needs more.
const MAX_DIRECTORY: u64 = 32 << 20;

type Result<T> = std::result::Result<T, String>;

/// Returns all entries in the directory's order, or the first fault.
pub fn read(zip: &mut (impl Read + Seek)) -> Result<Vec<ZipHeader>> {
    let length = zip
        .seek(SeekFrom::End(0))
        .map_err(|error| error.to_string())?;
    let end = EndRecord::find(zip, length)?;
    let directory = at(zip, end.directory, end.directory_bytes)?;
    let headers = parse_directory(&directory, end.entries)?;
    let mut names = HashSet::new();
    if let Some(twice) = headers.iter().find(|header| !names.insert(&header.name)) {
        return Err(format!("two entries are named {}", twice.shown()));
    }
    let mut by_place: Vec<&ZipHeader> = headers.iter().collect();
    by_place.sort_by_key(|header| header.place);
    let mut place = 0;
    for header in by_place {
        same_place(place, header.place, &format!("entry {}", header.shown()))?;
        place = header.end(zip, end.directory)?;
    }
    same_place(place, end.directory, "the directory")?;
    Ok(headers)
}

fn same_place(expected: u64, found: u64, what: &str) -> Result<()> {
    match found.checked_sub(expected) {
        Some(0) => Ok(()),
        Some(gap) => Err(format!("{gap} bytes before {what} belong to no record")),
        None => Err(format!("{what} overlaps the entry before it")),
    }
}

/// The "end of central directory record", which is the last record of the file.
struct EndRecord {
    entries: usize,
    directory: u64,
    directory_bytes: usize,
}

impl EndRecord {
    fn find(zip: &mut (impl Read + Seek), length: u64) -> Result<Self> {
        let tail = length.min((END + usize::from(u16::MAX)) as u64);
        let tail = at(zip, length - tail, tail as usize)?;
        let found = tail.windows(4).rposition(|bytes| bytes == b"PK\x05\x06");
        let start = found.ok_or("not a zip, or one that was cut off: it has no end record")?;
        let record = tail.get(start..start + END);
        let mut fields = Fields::new(record.ok_or("the end record is cut off")?, 4);
        let disks = [fields.u16(), fields.u16()];
        let entries = [fields.u16(), fields.u16()];
        let (bytes, directory) = (fields.u32(), fields.u32());
        let comment = usize::from(fields.u16());
        if disks != [0, 0] || entries[0] != entries[1] {
            return Err("the zip is one part of several".into());
        }
        if entries[0] == u16::MAX || [bytes, directory].contains(&u32::MAX) {
            return Err("it uses zip64, which a bundle of EB's size never needs".into());
        }
        if start + END + comment != tail.len() {
            return Err("there is data after the end record".into());
        }
        let (bytes, directory) = (u64::from(bytes), u64::from(directory));
        if bytes > MAX_DIRECTORY {
            return Err(format!("its directory has more than {MAX_DIRECTORY} bytes"));
        }
        let place = length - (tail.len() - start) as u64;
        same_place(directory + bytes, place, "the end record")?;
        Ok(Self {
            entries: usize::from(entries[0]),
            directory,
            directory_bytes: bytes as usize,
        })
    }
}

fn parse_directory(directory: &[u8], entries: usize) -> Result<Vec<ZipHeader>> {
    let mut rest = directory;
    let mut headers = Vec::with_capacity(entries);
    for _ in 0..entries {
        let (header, length) = ZipHeader::parse(rest)?;
        rest = &rest[length..];
        headers.push(header);
    }
    if !rest.is_empty() {
        return Err("the directory holds more than the end record counts".into());
    }
    Ok(headers)
}
