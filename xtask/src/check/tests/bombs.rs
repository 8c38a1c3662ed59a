//! Zips with too many bytes, texts, entries or names. Each check ends soon.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::bundle::{Zip, assert_fails, failed, open, warned};
use super::hostile::{CENTRAL, LOCAL, last, put};

/// Much more time than any of these checks needs, even in a debug build on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// Deflated zeros of this size, made of one compressed piece that is repeated.
fn zeros(mebibytes: usize) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&vec![0; 1 << 20]).unwrap();
    // After this sync point, the compressed data does not depend on earlier data (RFC 1951).
    encoder.flush().unwrap();
    let piece = encoder.get_ref().clone();
    let end = [1, 0, 0, 0xff, 0xff];
    [&piece.repeat(mebibytes)[..], &end].concat()
}

/// A zip whose last entry is this deflated data with this declared size.
fn bomb(packed: &[u8], declared: u32) -> Vec<u8> {
    let size = (packed.len() as u32).to_le_bytes();
    let zip = Zip::good().with("public/bomb", 0o644, packed);
    let mut bytes = zip.bytes();
    for (signature, method) in [(LOCAL, 8), (CENTRAL, 10)] {
        let at = last(&bytes, signature);
        put(&mut bytes, at + method, &[8, 0]);
        put(&mut bytes, at + method + 10, &size);
        put(&mut bytes, at + method + 14, &declared.to_le_bytes());
    }
    bytes
}

#[test]
fn a_bomb_with_a_false_size_is_read_only_to_this_size() {
    let packed = zeros(1024);
    let start = Instant::now();
    let bytes = bomb(&packed, 100);
    assert_fails(&bytes, "content", "larger than its declared");
    let bundle = open(&bytes);
    assert!(bundle.get("public/bomb").unwrap().bytes <= 100);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn too_large_sizes_are_refused_without_reading() {
    let mut bytes = bomb(&zeros(1), u32::MAX - 1);
    let start = Instant::now();
    assert_fails(&bytes, "zip", "at most 4 GiB");
    assert!(start.elapsed() < SOON);
    // A size below the limit is accepted, and the data is read up to its early end.
    bytes = bomb(&zeros(1), 1 << 31);
    let mut crc = flate2::Crc::new();
    crc.update(&vec![0; 1 << 20]);
    for (signature, offset) in [(LOCAL, 14), (CENTRAL, 16)] {
        let at = last(&bytes, signature) + offset;
        put(&mut bytes, at, &crc.sum().to_le_bytes());
    }
    assert_fails(
        &bytes,
        "content",
        "1048576 bytes, not the declared 2147483648",
    );
}

#[test]
fn text_that_is_kept_is_bounded() {
    let mut zip = Zip::good();
    for index in 0..60 {
        zip = zip.with(
            &format!(".platform/hooks/lib/x{index}"),
            0o644,
            &vec![b'#'; 1 << 20],
        );
    }
    let warned = warned(&zip).join("; ");
    assert!(
        warned.contains("content: .platform/hooks/lib/x15 is not checked"),
        "{warned}"
    );
    assert!(warned.ends_with("content: and 25 more"), "{warned}");
    let kept = open(&zip.bytes());
    let kept = kept.entries.iter().filter_map(|entry| entry.text());
    assert!(kept.map(<[u8]>::len).sum::<usize>() <= 17 << 20);
}

/// Almost as many entries as a zip can have, and long and deep names.
#[test]
fn thousands_of_entries_are_checked_quickly() {
    let mut zip = Zip::good();
    for index in 0..60_000 {
        zip.0.push((format!("public/{index}"), 0o644, Vec::new()));
    }
    let bytes = zip.bytes();
    let start = Instant::now();
    assert_eq!(failed(&bytes), []);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    let mut deep = Zip::good();
    for index in 0..10_000 {
        let name = format!("{}{index}", "d/".repeat(500));
        deep.0.push((name, 0o644, Vec::new()));
    }
    let bytes = deep.bytes();
    let start = Instant::now();
    assert_fails(&bytes, "names", "and 9980 more");
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn more_names_than_are_kept() {
    let mut zip = Zip::good();
    for index in 0..40_000 {
        zip.0.push((format!("{index:01000}"), 0o644, Vec::new()));
    }
    assert_fails(&zip.bytes(), "zip", "its directory has more than");
    let long = Zip::good().with(&"a".repeat(2000), 0o644, b"");
    assert_fails(&long.bytes(), "zip", "a name of 2000 bytes");
}
