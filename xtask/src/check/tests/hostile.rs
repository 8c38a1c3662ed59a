//! Zips that no zip library writes. The right check finds each of them, and reads only a small part of the zip.

use super::bundle::{EXPECTED, Zip, assert_fails, failed, open};
use crate::check::without_programs;

pub const LOCAL: &[u8] = b"PK\x03\x04";
pub const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";

/// A zip with two unneeded entries at the end, which the tests damage.
fn zip() -> Vec<u8> {
    Zip::good()
        .with("aa/bbbb", 0o644, b"0123456789")
        .with("aa/cccc", 0o644, b"0123456789")
        .bytes()
}

/// The offset of the last record with this signature.
pub fn last(bytes: &[u8], signature: &[u8]) -> usize {
    bytes.windows(4).rposition(|at| at == signature).unwrap()
}

pub fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

/// Changes a field of the last record of a kind.
fn patched(signature: &[u8], offset: usize, what: &[u8]) -> Vec<u8> {
    let mut bytes = zip();
    let at = last(&bytes, signature) + offset;
    assert_ne!(&bytes[at..at + what.len()], what);
    put(&mut bytes, at, what);
    bytes
}

/// Changes the field in both headers of the last entry, so that they agree.
fn patched_in_both(local: usize, central: usize, what: &[u8]) -> Vec<u8> {
    let mut bytes = patched(LOCAL, local, what);
    let at = last(&bytes, CENTRAL) + central;
    put(&mut bytes, at, what);
    bytes
}

/// Inserts bytes, and adjusts the directory's offset in the end record.
fn inserted(at: usize, what: &[u8]) -> Vec<u8> {
    let mut bytes = zip();
    let end = last(&bytes, END) + 16;
    let directory = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap());
    put(
        &mut bytes,
        end,
        &(directory + what.len() as u32).to_le_bytes(),
    );
    bytes.splice(at..at, what.iter().copied());
    bytes
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let found = |at: &usize| bytes[*at..].starts_with(from);
    let places: Vec<usize> = (0..bytes.len()).filter(found).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|&at| put(bytes, at, to));
}

#[test]
fn the_zip_to_be_broken_is_good() {
    assert_eq!(failed(&zip()), []);
}

#[test]
fn headers_that_disagree() {
    for (offset, what) in [
        (4 + 2, &[1_u8, 0][..]), // flags
        (8, &[8, 0]),            // method
        (14, b"CRC!"),           // checksum
        (18, &[9, 0, 0, 0]),     // packed
        (22, &[9, 0, 0, 0]),     // unpacked
        (26, &[6, 0]),           // the name's length
        (30, b"xx/cccc"),        // the name
    ] {
        assert_fails(&patched(LOCAL, offset, what), "zip", "disagree");
    }
    assert_fails(&patched(LOCAL, 0, b"PK\x03\x05"), "zip", "not where");
}

#[test]
fn entries_that_overlap_or_lie_elsewhere() {
    let first = patched(CENTRAL, 42, &[0, 0, 0, 0]);
    assert_fails(&first, "zip", "overlaps");
    // The headers of the last two entries point to the same data.
    let mut same = zip();
    replace(&mut same, b"aa/bbbb", b"aa/cccc");
    let at = last(&same, CENTRAL);
    let other = same[..at].windows(4).rposition(|at| at == CENTRAL).unwrap();
    put(&mut same, other + 46, b"aa/bbbb");
    let place = same[at + 42..at + 46].to_vec();
    put(&mut same, other + 42, &place);
    assert!(failed(&same)[0].name == "zip");
    assert_fails(
        &patched(CENTRAL, 42, &[0, 0, 0, 0x70]),
        "zip",
        "belong to no record",
    );
    assert_fails(&patched_in_both(18, 20, &[0, 0, 0, 0x70]), "zip", "outside");
    assert_fails(
        &patched_in_both(18, 20, &[8, 0, 0, 0]),
        "zip",
        "belong to no record",
    );
    let reaching = patched_in_both(18, 20, &[12, 0, 0, 0]);
    assert_fails(&reaching, "zip", "outside");
}

#[test]
fn one_entry_in_the_data_of_another() {
    // The packed size of the second-last entry grows by the record of the last entry, so that it covers the
    // last entry.
    let mut bytes = zip();
    let at = last(&bytes, LOCAL);
    let before = bytes[..at].windows(4).rposition(|at| at == LOCAL).unwrap();
    let central = last(&bytes, CENTRAL);
    let other = bytes[..central]
        .windows(4)
        .rposition(|at| at == CENTRAL)
        .unwrap();
    let length = (10 + at - before) as u32;
    put(&mut bytes, before + 18, &length.to_le_bytes());
    put(&mut bytes, other + 20, &length.to_le_bytes());
    assert_fails(&bytes, "zip", "overlaps");
}

#[test]
fn bytes_that_belong_to_nothing() {
    assert_fails(
        &[b"#!/bin/sh\n", &zip()[..]].concat(),
        "zip",
        "belong to no record",
    );
    assert_fails(&[&zip()[..], b"x"].concat(), "zip", "after the end record");
    let middle = last(&zip(), LOCAL);
    let mut hidden = inserted(middle, b"hidden");
    assert_fails(
        &hidden,
        "zip",
        "\"aa/cccc\" is not where the directory says",
    );
    let central = last(&hidden, CENTRAL) + 42;
    put(&mut hidden, central, &(middle as u32 + 6).to_le_bytes());
    assert_fails(
        &hidden,
        "zip",
        "6 bytes before entry \"aa/cccc\" belong to no record",
    );
    let directory = zip().windows(4).position(|at| at == CENTRAL).unwrap();
    assert_fails(
        &inserted(directory, b"hidden"),
        "zip",
        "belong to no record",
    );
}

#[test]
fn a_directory_that_differs_from_the_end_record() {
    let count = u16::try_from(Zip::good().0.len() + 2).unwrap();
    let counts = |count: u16| [count.to_le_bytes(), count.to_le_bytes()].concat();
    assert_fails(&patched(END, 8, &counts(count - 1)), "zip", "more than");
    assert_fails(&patched(END, 8, &counts(count + 1)), "zip", "cut off");
    assert_fails(&patched(END, 8, &[1, 0]), "zip", "several");
    assert_fails(&patched(END, 4, &[1, 0]), "zip", "several");
    assert_fails(&patched(END, 8, &[255; 4]), "zip", "zip64");
    assert_fails(&patched(END, 16, &[255; 4]), "zip", "zip64");
    assert_fails(&patched(END, 12, &[0, 0, 0, 0x70]), "zip", "directory");
    assert_fails(&patched(END, 20, &[1, 0]), "zip", "after the end record");
    assert_fails(&patched(CENTRAL, 0, b"PK\x01\x03"), "zip", "no entry");
    assert_fails(&patched(CENTRAL, 28, &[255, 255]), "zip", "cut off");
    assert_fails(&patched(CENTRAL, 24, &[255; 4]), "zip", "zip64");
    assert_fails(&patched(CENTRAL, 34, &[1, 0]), "zip", "another part");
    assert_fails(&patched(CENTRAL, 28, &[0, 0]), "zip", "a name of 0 bytes");
}

#[test]
fn files_that_are_not_zips() {
    for bytes in [
        &b""[..],
        b"PK\x05\x06",
        b"not a zip at all, not a zip at all",
    ] {
        assert_eq!(failed(bytes)[0].name, "zip");
    }
    let bytes = zip();
    for cut in [1, 10, 21, 22, 30, 100, 500] {
        assert_eq!(failed(&bytes[..bytes.len() - cut])[0].name, "zip", "{cut}");
    }
}

#[test]
fn two_entries_of_one_name() {
    let mut bytes = zip();
    replace(&mut bytes, b"aa/cccc", b"aa/bbbb");
    assert_fails(&bytes, "zip", "two entries are named \"aa/bbbb\"");
}

#[test]
fn a_second_name_and_zip64_in_extra_fields() {
    let with_extra = |id: u16| {
        let extra = [id.to_le_bytes(), [12, 0]].concat();
        let extra = [&extra[..], &[0; 5], b"xx/bbbb"].concat();
        let mut bytes = zip();
        let central = last(&bytes, CENTRAL);
        put(&mut bytes, central + 30, &[extra.len() as u8, 0]);
        let end = last(&bytes, END);
        let size = u32::from_le_bytes(bytes[end + 12..end + 16].try_into().unwrap());
        put(
            &mut bytes,
            end + 12,
            &(size + extra.len() as u32).to_le_bytes(),
        );
        bytes.splice(end..end, extra);
        bytes
    };
    assert_fails(&with_extra(0x7075), "zip", "second name");
    assert_fails(&with_extra(1), "zip", "zip64");
    assert_eq!(failed(&with_extra(0x5455)), [], "a time stamp");
}

/// Zips from Windows have no Unix modes.
#[test]
fn an_executable_without_a_unix_mode() {
    let mut bytes = Zip::good().with("bin/server", 0o644, b"x").bytes();
    let text = "bin/server is not an ELF executable; bin/server has no exec bit (mode 0644)";
    assert_fails(&bytes, "executables", text);
    let system = last(&bytes, CENTRAL) + 5;
    put(&mut bytes, system, &[0]);
    assert_fails(&bytes, "executables", "bin/server has no Unix mode");
}

#[test]
fn a_link_whose_target_is_not_text() {
    let mut bytes = zip();
    let at = last(&bytes, CENTRAL);
    put(&mut bytes, at + 38, &(0o120_777_u32 << 16).to_le_bytes());
    assert_eq!(failed(&bytes), [], "a link");
    let local = last(&bytes, LOCAL);
    put(&mut bytes, local + 37, &[0xff]);
    let mut crc = flate2::Crc::new();
    crc.update(b"\xff123456789");
    put(&mut bytes, local + 14, &crc.sum().to_le_bytes());
    put(&mut bytes, at + 16, &crc.sum().to_le_bytes());
    assert_fails(&bytes, "content", "the link's target is not UTF-8");
}

/// A part of the name becomes an extra field, in both headers or only in the local header.
#[test]
fn extra_fields_of_either_header() {
    let shortened = |extra: &[u8; 7]| {
        let mut bytes = Zip::good().with("aaabbbbbbb", 0o644, b"").bytes();
        for (signature, length, name) in [(LOCAL, 26, 30), (CENTRAL, 28, 46)] {
            let at = last(&bytes, signature);
            put(&mut bytes, at + length, &[3, 0, 7, 0]);
            put(&mut bytes, at + name + 3, extra);
        }
        bytes
    };
    assert_eq!(failed(&shortened(b"\x55\x54\x03\0abc")), []);
    let longer = b"\x55\x54\x04\0abc";
    assert_fails(&shortened(longer), "zip", "damaged extra field");
    let mut local = shortened(b"\x55\x54\x03\0abc");
    let at = last(&local, LOCAL) + 33;
    put(&mut local, at, &[1, 0]);
    assert_fails(&local, "zip", "uses zip64");
}

#[test]
fn a_data_descriptor_that_differs_from_the_headers() {
    let mut bytes = Zip::good().streamed();
    let at = last(&bytes, DESCRIPTOR);
    bytes[at + 8] ^= 1;
    assert_fails(&bytes, "zip", "the data descriptor");
}

#[test]
fn names_that_lead_elsewhere() {
    for (name, detail) in [
        (b"../bbbb", "leads out"),
        (b"/a/bbbb", "absolute"),
        (b"aa/b\xffbb", "UTF-8"),
        (b"aa/b\nbb", "control"),
        (b"aa\\bbbb", "backslash"),
    ] {
        let mut bytes = zip();
        replace(&mut bytes, b"aa/bbbb", name);
        assert_fails(&bytes, "names", detail);
    }
}

#[test]
fn entries_that_are_neither_file_nor_folder_nor_link() {
    for (mode, detail) in [
        (0o020_666_u32, "neither"),
        (0o010_666, "neither"),
        (0o040_755, "without a slash"),
    ] {
        let attributes = (mode << 16).to_le_bytes();
        assert_fails(&patched(CENTRAL, 38, &attributes), "names", detail);
    }
    let folder = Zip::good().with("aa/", 0o755, b"");
    assert_eq!(failed(&folder.bytes()), []);
    let mut full = zip();
    replace(&mut full, b"aa/cccc", b"aa/ccc/");
    assert_fails(&full, "names", "a folder's name");
}

#[test]
fn entries_that_unzip_cannot_read() {
    for (bytes, detail) in [
        (patched_in_both(8, 10, &[93, 0]), "method 93"),
        (patched_in_both(6, 8, &[1, 0]), "encrypted"),
        (patched_in_both(6, 8, &[0, 0x20]), "flagged"),
    ] {
        assert_fails(&bytes, "unzip", detail);
    }
}

#[test]
fn content_that_differs_from_the_headers() {
    let mut damaged = zip();
    let at = last(&damaged, LOCAL) + 37;
    damaged[at] ^= 1;
    assert_fails(&damaged, "content", "aa/cccc cannot be read");
    assert_fails(&patched_in_both(14, 16, b"CRC!"), "content", "aa/cccc");
}

#[test]
fn entries_of_a_broken_zip_are_not_checked() {
    let checks = without_programs(&open(b"x"), EXPECTED);
    let names: Vec<_> = checks.iter().map(|check| check.name).collect();
    assert_eq!(names, ["size", "zip"]);
}
