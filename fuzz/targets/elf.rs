//! Reads any bytes as an executable.
#![no_main]

use flipless_fuzz::bundle::elf::Elf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    Elf::parse(bytes).ok();
});
