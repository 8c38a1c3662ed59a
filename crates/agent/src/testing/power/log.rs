//! The record of a device, in the format of the kernel's dm-log-writes
//! (<https://docs.kernel.org/admin-guide/device-mapper/log-writes.html>): it begins with a head, and the records
//! follow. Each record begins with a head of one sector. All numbers are little-endian. They have 64 bits, except the
//! size of a sector, which has 32.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: u64 = 0x006a_7366_7773_6872;
const SECTOR: usize = 512;
const FLUSH: u64 = 1;
const DISCARD: u64 = 4;

/// All records, in the order in which the device has completed them.
pub struct Log {
    pub writes: Vec<Write>,
}

/// A write, or a flush, which may have data, too.
pub struct Write {
    at: u64,
    data: Vec<u8>,
    is_flush: bool,
}

impl Log {
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!(number(0), MAGIC);
        assert_eq!(bytes[24..28], (SECTOR as u32).to_le_bytes());
        let (mut at, mut writes) = (SECTOR, Vec::new());
        for _ in 0..number(16) {
            let (sector, sectors, flags) = (number(at), number(at + 8), number(at + 16));
            at += SECTOR;
            let length = sectors as usize * SECTOR;
            let data = match flags & DISCARD {
                0 => bytes[at..at + length].to_vec(),
                // A discarded block may have any content. Here it has zeros.
                _ => vec![0; length],
            };
            at += if flags & DISCARD == 0 { length } else { 0 };
            writes.push(Write {
                at: sector * SECTOR as u64,
                data,
                is_flush: flags & FLUSH != 0,
            });
        }
        Self { writes }
    }

    /// Returns the number of records up to and including the last flush among the first `records`.
    pub fn last_flush_before(&self, records: usize) -> usize {
        let flush = self.writes[..records]
            .iter()
            .rposition(|write| write.is_flush);
        flush.map_or(0, |index| index + 1)
    }
}

impl Write {
    pub fn apply(&self, disk: &File) {
        disk.write_all_at(&self.data, self.at).unwrap();
    }
}

/// Returns the number of records so far.
pub fn count(path: &Path) -> usize {
    let mut head = [0; 24];
    File::open(path).unwrap().read_exact(&mut head).unwrap();
    u64::from_le_bytes(head[16..].try_into().unwrap()) as usize
}
