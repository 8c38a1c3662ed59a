//! The two headers of an entry: in the directory, and before its data (APPNOTE.TXT, sections 4.3.7 and 4.3.12).

use std::io::{Read, Seek};

use super::fields::{Extra, Fields, at};

const CENTRAL: usize = 46;
const LOCAL: usize = 30;
/// The longest name in bytes. Together with EB's staging folder it fits into PATH_MAX.
const MAX_NAME: usize = 1024;
/// General purpose bit 3: sizes and checksum follow the data.
const STREAMED: u16 = 1 << 3;

type Result<T> = std::result::Result<T, String>;

/// An entry, as both of its headers describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZipHeader {
    /// The name's bytes.
    pub name: Vec<u8>,
    /// General purpose bits.
    pub flags: u16,
    /// The compression method: 0 for stored, 8 for deflated.
    pub method: u16,
    /// The declared unpacked size.
    pub bytes: u64,
    /// The Unix mode with the file type; none if the zip was made on another system.
    pub mode: Option<u32>,
    crc: u32,
    packed: u64,
    /// The offset of its local header.
    pub place: u64,
}

impl ZipHeader {
    /// Parses a central header. Returns the header and its length.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize)> {
        let cut = "the directory is cut off";
        let fixed = bytes.get(..CENTRAL).ok_or(cut)?;
        if !fixed.starts_with(b"PK\x01\x02") {
            return Err("the directory contains something that is no entry".into());
        }
        let mut fields = Fields::new(fixed, 4);
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
        let header = Self {
            name: name.to_vec(),
            flags,
            method,
            bytes: size.into(),
            // The upper byte is the system. For Unix (3), the upper half of the attributes is the mode.
            mode: (made_by >> 8 == 3 && attributes >> 16 != 0).then_some(attributes >> 16),
            crc,
            packed: packed.into(),
            place: place.into(),
        };
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(format!(
                "an entry has a name of {} bytes, but 1 to {MAX_NAME} are allowed",
                name.len()
            ));
        }
        if disk != 0 || [packed, size, place].contains(&u32::MAX) {
            return Err(format!(
                "{} uses zip64, or is in another part of a split zip",
                header.shown()
            ));
        }
        header.check_extra(&rest[..extra])?;
        Ok((header, CENTRAL + lengths.iter().sum::<usize>()))
    }

    /// Returns the offset at which the entry ends, if its local header and its data descriptor agree with the
    /// directory.
    pub fn end(&self, zip: &mut (impl Read + Seek), limit: u64) -> Result<u64> {
        let outside = || format!("{} lies outside the zip", self.shown());
        let fits = |end: u64| {
            if end <= limit {
                Ok(end)
            } else {
                Err(outside())
            }
        };
        let fixed = fits(self.place + LOCAL as u64)?;
        let header = at(zip, self.place, LOCAL)?;
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

    /// Returns the length of the "data descriptor", if it agrees with the directory. Its signature is optional.
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
            return Err(format!(
                "{}: the data descriptor after its data disagrees with the directory",
                self.shown()
            ));
        }
        Ok(signature as u64 + 12)
    }

    /// Refuses extra fields that would give the entry other sizes or another name.
    fn check_extra(&self, bytes: &[u8]) -> Result<()> {
        for field in Extra::new(bytes) {
            let why = match field.map_err(|()| format!("{}: damaged extra field", self.shown()))? {
                (0x0001, _) => "uses zip64, which a bundle of EB's size never needs",
                // Info-ZIP's field: a version, the checksum of the header's name, and the second name.
                (0x7075, other) if other.get(5..) != Some(&self.name) => "has a second name",
                _ => continue,
            };
            return Err(format!("{} {why}", self.shown()));
        }
        Ok(())
    }

    /// The name, for messages.
    pub fn shown(&self) -> String {
        format!("{:?}", String::from_utf8_lossy(&self.name))
    }
}
