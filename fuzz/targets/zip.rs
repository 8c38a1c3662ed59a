//! Reads any bytes as a zip. If the checks find no fault in the zip, the zip library must read the same entries.
#![no_main]

use std::io::Cursor;

use flipless_fuzz::bundle::Bundle;
use libfuzzer_sys::fuzz_target;
use zip::ZipArchive;

fuzz_target!(|bytes: &[u8]| {
    let bundle = Bundle::read(Cursor::new(bytes), bytes.len() as u64);
    flipless_fuzz::judge(&bundle);
    if bundle.fault.is_some() {
        return;
    }
    let mut library = ZipArchive::new(Cursor::new(bytes)).expect("the checks opened it");
    assert_eq!(library.len(), bundle.entries.len());
    for (index, entry) in bundle.entries.iter().enumerate() {
        let other = library.by_index_raw(index).expect("the checks read it");
        assert_eq!(String::from_utf8_lossy(other.name_raw()), entry.name);
    }
});
