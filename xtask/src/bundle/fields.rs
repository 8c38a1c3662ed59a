//! Little-endian fields of a zip's records.

use std::io::{Read, Seek, SeekFrom};

/// Reads `length` bytes of the zip, from `place` on.
pub fn at(zip: &mut (impl Read + Seek), place: u64, length: usize) -> Result<Vec<u8>, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut bytes = vec![0; length];
    zip.seek(SeekFrom::Start(place)).map_err(text)?;
    zip.read_exact(&mut bytes).map_err(text)?;
    Ok(bytes)
}

/// The fields of one record, in order. The caller has checked the record's length.
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields from this byte on.
    pub fn new(record: &'a [u8], start: usize) -> Self {
        Self(record.get(start..).unwrap_or_default())
    }

    /// Reads two bytes.
    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    /// Reads four bytes.
    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    /// Skips bytes.
    pub fn skip(&mut self, bytes: usize) {
        self.0 = self.0.get(bytes..).unwrap_or_default();
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_first_chunk().unwrap_or((&[0; N], &[]));
        self.0 = rest;
        *head
    }
}

/// The "extra fields" of a header. Each field has an id, a length, and as many bytes as the length says.
pub struct Extra<'a>(&'a [u8]);

impl<'a> Extra<'a> {
    /// The extra fields of one header.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for Extra<'a> {
    type Item = Result<(u16, &'a [u8]), ()>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let bytes = std::mem::take(&mut self.0);
        let mut fields = Fields::new(bytes, 0);
        let (id, length) = (fields.u16(), usize::from(fields.u16()));
        let Some(content) = bytes.get(4..4 + length) else {
            return Some(Err(()));
        };
        self.0 = &bytes[4 + length..];
        Some(Ok((id, content)))
    }
}
