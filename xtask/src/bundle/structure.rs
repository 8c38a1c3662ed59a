//! The zip's own records, read strictly (PKWARE's APPNOTE.TXT, section 4.3).
//!
//! Tools differ in which record they believe. A zip is taken only if there is nothing to differ
//! about: central and local headers agree, and every byte belongs to exactly one record.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};

use super::fields::{Extra, Fields};

/// Of the end record, without its comment.
const END: usize = 22;
const CENTRAL: usize = 46;
const LOCAL: usize = 30;
/// A zip of EB's size has neither more entries nor more of a directory; this bounds our memory.
const MAX_DIRECTORY: u64 = 32 << 20;
/// Longest name, in bytes: EB's staging folder before it still fits PATH_MAX.
const MAX_NAME: usize = 1024;
/// General purpose bit 3: sizes and checksum follow the data.
const STREAMED: u16 = 1 << 3;

type Result<T> = std::result::Result<T, String>;

/// An entry, as both of its headers have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The name's bytes.
    pub name: Vec<u8>,
    /// General purpose bits.
    pub flags: u16,
    /// 0 stored, 8 deflated.
    pub method: u16,
    /// Bytes that it says it has, unpacked.
    pub bytes: u64,
    /// Unix mode with the file type; none where the zip was made on another system.
    pub mode: Option<u32>,
    crc: u32,
    packed: u64,
    header: u64,
}

/// All entries in the directory's order, or the first thing that is wrong.
pub fn read(zip: &mut (impl Read + Seek)) -> Result<Vec<Record>> {
    let length = zip.seek(SeekFrom::End(0)).map_err(text)?;
    let end = EndRecord::find(zip, length)?;
    let directory = at(zip, end.directory, end.directory_bytes)?;
    let records = parse_directory(&directory, end.entries)?;
    let mut names = HashSet::new();
    if let Some(twice) = records.iter().find(|record| !names.insert(&record.name)) {
        return Err(format!("two entries are named {}", twice.shown()));
    }
    let mut by_place: Vec<&Record> = records.iter().collect();
    by_place.sort_by_key(|record| record.header);
    let mut place = 0;
    for record in by_place {
        same_place(place, record.header, &format!("entry {}", record.shown()))?;
        place = record.end(zip, end.directory)?;
    }
    same_place(place, end.directory, "the directory")?;
    Ok(records)
}

fn same_place(expected: u64, found: u64, what: &str) -> Result<()> {
    match found.checked_sub(expected) {
        Some(0) => Ok(()),
        Some(gap) => Err(format!("{gap} bytes before {what} belong to nothing")),
        None => Err(format!("{what} overlaps the entry before it")),
    }
}

/// "End of central directory record", the last in the file.
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
            return Err("it is one part of several".into());
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

fn parse_directory(directory: &[u8], entries: usize) -> Result<Vec<Record>> {
    let mut rest = directory;
    let mut records = Vec::with_capacity(entries);
    for _ in 0..entries {
        let (record, length) = Record::parse(rest)?;
        rest = &rest[length..];
        records.push(record);
    }
    if !rest.is_empty() {
        return Err("the directory holds more than the end record counts".into());
    }
    Ok(records)
}

impl Record {
    /// A central header, and how long it is.
    fn parse(bytes: &[u8]) -> Result<(Self, usize)> {
        let cut = "the directory is cut off";
        let header = bytes.get(..CENTRAL).ok_or(cut)?;
        if !header.starts_with(b"PK\x01\x02") {
            return Err("the directory holds something that is no entry".into());
        }
        let mut fields = Fields::new(header, 4);
        let made_by = fields.u16();
        fields.skip(2);
        let (flags, method) = (fields.u16(), fields.u16());
        fields.skip(4);
        let (crc, packed, size) = (fields.u32(), fields.u32(), fields.u32());
        let lengths = [fields.u16(), fields.u16(), fields.u16()].map(usize::from);
        let disk = fields.u16();
        fields.skip(2);
        let (attributes, place) = (fields.u32(), fields.u32());
        let [name, extra, comment] = lengths;
        let variable = bytes.get(CENTRAL..CENTRAL + name + extra + comment);
        let (name, rest) = variable.ok_or(cut)?.split_at(name);
        let record = Self {
            name: name.to_vec(),
            flags,
            method,
            bytes: size.into(),
            // The upper byte is the system: 3 is Unix, which keeps the mode in the upper half.
            mode: (made_by >> 8 == 3 && attributes >> 16 != 0).then_some(attributes >> 16),
            crc,
            packed: packed.into(),
            header: place.into(),
        };
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(format!("a name of {} bytes", name.len()));
        }
        if disk != 0 || [packed, size, place].contains(&u32::MAX) {
            return Err(format!("{} uses zip64 or another part", record.shown()));
        }
        record.check_extra(&rest[..extra])?;
        Ok((record, CENTRAL + lengths.iter().sum::<usize>()))
    }

    /// Where it ends, if its local header and what follows its data say the same as the directory.
    fn end(&self, zip: &mut (impl Read + Seek), limit: u64) -> Result<u64> {
        let outside = || format!("{} lies outside the zip", self.shown());
        let fits = |end: u64| {
            if end <= limit {
                Ok(end)
            } else {
                Err(outside())
            }
        };
        let fixed = fits(self.header + LOCAL as u64)?;
        let header = at(zip, self.header, LOCAL)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(format!("{} is not where the directory says", self.shown()));
        }
        let mut fields = Fields::new(&header, 6);
        let same = [fields.u16(), fields.u16()] == [self.flags, self.method];
        fields.skip(4);
        let content = [fields.u32(), fields.u32(), fields.u32()].map(u64::from);
        let [name, extra] = [fields.u16(), fields.u16()].map(usize::from);
        let data = fits(fixed + (name + extra) as u64)?;
        let variable = at(zip, fixed, name + extra)?;
        let streamed = self.flags & STREAMED != 0;
        let same = same
            && variable[..name] == self.name
            && (content == self.content() || streamed && content == [0; 3]);
        if !same {
            return Err(format!("{}: its two headers disagree", self.shown()));
        }
        self.check_extra(&variable[name..])?;
        let end = fits(data + self.packed)?;
        if streamed {
            return fits(end + self.descriptor(zip, end, limit)?);
        }
        Ok(end)
    }

    fn content(&self) -> [u64; 3] {
        [self.crc.into(), self.packed, self.bytes]
    }

    /// Length of the "data descriptor", whose signature may be left out.
    fn descriptor(&self, zip: &mut (impl Read + Seek), place: u64, limit: u64) -> Result<u64> {
        let bytes = at(zip, place, limit.saturating_sub(place).min(16) as usize)?;
        let signature = if bytes.starts_with(b"PK\x07\x08") {
            4
        } else {
            0
        };
        let matches = bytes.get(signature..signature + 12).is_some_and(|bytes| {
            let mut fields = Fields::new(bytes, 0);
            [fields.u32(), fields.u32(), fields.u32()].map(u64::from) == self.content()
        });
        if !matches {
            return Err(format!("{}: what follows its data disagrees", self.shown()));
        }
        Ok(signature as u64 + 12)
    }

    /// Extra fields that would give the entry other sizes, or another name.
    fn check_extra(&self, bytes: &[u8]) -> Result<()> {
        for field in Extra::new(bytes) {
            let why = match field.map_err(|()| format!("{}: damaged extra field", self.shown()))? {
                (0x0001, _) => "uses zip64, which a bundle of EB's size never needs",
                // Info-ZIP: a version, the checksum of the header's name, the other name.
                (0x7075, other) if other.get(5..) != Some(&self.name) => "has a second name",
                _ => continue,
            };
            return Err(format!("{} {why}", self.shown()));
        }
        Ok(())
    }

    fn shown(&self) -> String {
        format!("{:?}", String::from_utf8_lossy(&self.name))
    }
}

fn at(zip: &mut (impl Read + Seek), place: u64, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    zip.seek(SeekFrom::Start(place)).map_err(text)?;
    zip.read_exact(&mut bytes).map_err(text)?;
    Ok(bytes)
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}
