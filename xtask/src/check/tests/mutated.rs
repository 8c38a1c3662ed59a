//! Property tests: good zips and programs, with bytes changed anywhere.

use std::io::Cursor;
use std::ops::Range;
use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use zip::ZipArchive;

use super::bundle::{EXPECTED, Zip, open};
use super::elf_files::{static_glibc, with_interpreter};
use crate::bundle::elf::Elf;
use crate::check::{Check, without_programs};

#[derive(Debug, Clone)]
enum Change {
    Byte(Index, u8),
    Number(Index, u32),
    Copy(Index, Index, usize),
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (place(), any::<u32>()).prop_map(|(at, number)| Change::Number(at, number)),
        (place(), place(), 1..100_usize)
            .prop_map(|(from, to, length)| Change::Copy(from, to, length)),
        place().prop_map(Change::Cut),
    ]
}

/// Changes bytes within `part`. Most bytes of a zip are content of files, where a change tests little.
fn mutate(bytes: &mut Vec<u8>, part: Range<usize>, changes: &[Change]) {
    for change in changes {
        let place = |index: &Index| part.start + index.index(part.len());
        match change {
            Change::Byte(at, byte) => bytes[place(at)] = *byte,
            Change::Number(at, number) => {
                let at = place(at).min(bytes.len() - 4);
                bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
            }
            Change::Copy(from, to, length) => {
                let piece = bytes[place(from)..].iter().take(*length).copied();
                let piece: Vec<u8> = piece.collect();
                let to = place(to);
                bytes.splice(to..to, piece);
            }
            Change::Cut(at) => {
                bytes.remove(place(at));
            }
        }
    }
}

fn good() -> &'static [Vec<u8>; 2] {
    static GOOD: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    GOOD.get_or_init(|| {
        let zip = Zip::good()
            .with("public/link", 0o120_777, b"../bin/server")
            .with("public/a/", 0o755, b"")
            .with(
                "public/x",
                0o755,
                &with_interpreter("/lib64/ld-linux-x86-64.so.2"),
            );
        [zip.bytes(), zip.streamed()]
    })
}

/// Asserts that another reader finds the same entries in a zip that has passed the checks.
fn same_as_the_library(bytes: &[u8]) -> Result<(), TestCaseError> {
    let bundle = open(bytes);
    if bundle.fault.is_some() {
        return Ok(());
    }
    let mut library = ZipArchive::new(Cursor::new(bytes)).unwrap();
    prop_assert_eq!(library.len(), bundle.entries.len());
    for (index, entry) in bundle.entries.iter().enumerate() {
        let other = library.by_index_raw(index).unwrap();
        prop_assert_eq!(
            String::from_utf8_lossy(other.name_raw()),
            entry.name.as_str()
        );
        prop_assert_eq!(other.encrypted() && entry.unusual.is_none(), false);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// No check panics, and every failed check has a detail.
    #[test]
    fn a_mutated_zip_is_judged(which in 0..2_usize, changes in vec(change(), 1..6), in_directory: bool) {
        let mut bytes = good()[which].clone();
        let directory = bytes.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
        let part = if in_directory { directory..bytes.len() - 200 } else { 0..directory };
        mutate(&mut bytes, part, &changes);
        let checks = without_programs(&open(&bytes), EXPECTED);
        prop_assert!(checks.iter().filter(|check| check.failed()).all(|check| !check.detail.is_empty()));
        same_as_the_library(&bytes)?;
    }

    #[test]
    fn any_bytes_are_judged(start in vec(any::<u8>(), 0..200), end in vec(any::<u8>(), 0..40)) {
        let bytes = [&start[..], b"PK\x05\x06", &end].concat();
        let checks = without_programs(&open(&bytes), EXPECTED);
        prop_assert!(checks.iter().any(Check::failed));
    }

    #[test]
    fn a_mutated_program_is_parsed(which in 0..3_usize, changes in vec(change(), 1..6)) {
        let own = || std::fs::read("/bin/sh").unwrap_or_else(|_| static_glibc());
        let mut bytes = match which {
            0 => static_glibc(),
            1 => with_interpreter("/lib/x"),
            _ => own(),
        };
        let headers = 0..bytes.len().min(64 + 13 * 56) - 8;
        mutate(&mut bytes, headers, &changes);
        if let Ok(elf) = Elf::parse(&bytes) {
            prop_assert!(elf.glibc.iter().all(|(_, symbols)| symbols.len() <= 8));
        }
    }
}
