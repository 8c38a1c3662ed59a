//! Info-ZIP's unzip, Python's zipfile and the zip crate read the same entries from the zip.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use zip::ZipArchive;

use super::{bundle, run};

/// Permissions, size and checksum of each entry.
type Found = BTreeMap<String, (u32, u64, u32)>;

fn by_unzip(zip: &str) -> Found {
    run("unzip", &["-tq", zip], Path::new("/"));
    // `-rwxr-xr-x  2.0 unx  1234 b-  567 defN 80-Jan-01 00:00 name`
    let listing = run("unzip", &["-Z", zip], Path::new("/"));
    let lines = listing.lines().filter(|line| line.starts_with('-'));
    let modes: BTreeMap<&str, u32> = lines
        .map(|line| (line.rsplit(' ').next().unwrap(), permissions(&line[1..10])))
        .collect();
    // `1234  Defl:X  567  54% 1980-01-01 00:00 0123abcd  name`
    let listing = run("unzip", &["-v", zip], Path::new("/"));
    let rows = listing
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns.len() == 8 && columns[1] != "Method");
    rows.filter(|columns| modes.contains_key(columns[7]))
        .map(|columns| {
            let crc = u32::from_str_radix(columns[6], 16).unwrap();
            let found = (modes[columns[7]], columns[0].parse().unwrap(), crc);
            (columns[7].to_owned(), found)
        })
        .collect()
}

/// Converts permissions such as `rwxr-xr-x` to a number.
fn permissions(text: &str) -> u32 {
    let set = |sum: u32, letter: char| sum << 1 | u32::from(letter != '-');
    text.chars().fold(0, set)
}

fn by_python(zip: &str) -> Found {
    let script = "import sys, zipfile\n\
                  archive = zipfile.ZipFile(sys.argv[1])\n\
                  assert archive.testzip() is None\n\
                  for entry in archive.infolist():\n    \
                  print(entry.external_attr >> 16 & 0o7777, entry.file_size, entry.CRC, entry.filename)\n";
    let listing = run("python3", &["-c", script, zip], Path::new("/"));
    let rows = listing
        .lines()
        .map(|line| line.splitn(4, ' ').collect::<Vec<_>>());
    rows.map(|columns| {
        let [mode, size, crc] = [0, 1, 2].map(|column| columns[column].parse().unwrap());
        (columns[3].to_owned(), (mode as u32, size, crc as u32))
    })
    .collect()
}

fn by_the_zip_crate(zip: &str) -> Found {
    let mut archive = ZipArchive::new(File::open(zip).unwrap()).unwrap();
    let indexes = 0..archive.len();
    indexes
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            // Reads to the end, because the reader compares the checksum only there.
            let size = io::copy(&mut entry, &mut io::sink()).unwrap();
            let mode = entry.unix_mode().unwrap() & 0o7777;
            (
                entry.name().unwrap().into_owned(),
                (mode, size, entry.crc32()),
            )
        })
        .collect()
}

#[test]
fn three_readers_agree_on_names_modes_sizes_and_checksums() {
    let zip = bundle().zip.to_str().unwrap();
    let by_crate = by_the_zip_crate(zip);
    assert_eq!(by_crate.len(), super::ENTRIES.len());
    assert_eq!(by_unzip(zip), by_crate);
    assert_eq!(by_python(zip), by_crate);
}
