#![allow(clippy::unwrap_used)]

use std::io::Write;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

const HOOK: &str = ".platform/hooks/predeploy/a.sh";

/// An ELF header alone (elf(5)): static, 64-bit, for x86-64.
fn program() -> Vec<u8> {
    let mut elf = vec![0; 64];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    elf[16] = 2;
    elf[18] = 62;
    elf[20] = 1;
    elf[52] = 64;
    elf
}

/// A zip's entries: name, mode, content.
struct Zip(Vec<(String, u32, Vec<u8>)>);

impl Zip {
    fn good() -> Self {
        Self(Vec::new())
            .with("Procfile", 0o644, b"web: bin/flipless stand-in web\n")
            .with("bin/flipless", 0o755, &program())
            .with("bin/server", 0o755, &program())
            .with(HOOK, 0o755, b"#!/bin/sh\n")
    }

    /// Adds an entry, or replaces the one of this name.
    fn with(self, name: &str, mode: u32, content: &[u8]) -> Self {
        let mut zip = self.without(name);
        zip.0.push((name.into(), mode, content.into()));
        zip
    }

    fn without(mut self, name: &str) -> Self {
        self.0.retain(|(other, ..)| other != name);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (name, mode, content) in &self.0 {
            writer
                .start_file(name.as_str(), stored.unix_permissions(*mode))
                .unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }
}

fn open_bytes(bytes: &[u8]) -> Result<Bundle> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    open(file.path())
}

/// The failed checks, by name.
fn failed(bytes: &[u8]) -> Vec<&'static str> {
    let checks = all(&open_bytes(bytes).unwrap());
    let failed = checks.iter().filter(|check| !check.ok);
    failed.map(|check| check.name).collect()
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let mut count = 0;
    for start in 0..=bytes.len() - from.len() {
        if bytes[start..].starts_with(from) {
            bytes[start..start + to.len()].copy_from_slice(to);
            count += 1;
        }
    }
    assert!(count > 0);
}

#[test]
fn a_good_bundle_passes() {
    assert_eq!(failed(&Zip::good().bytes()), [""; 0]);
}

#[test]
fn each_mistake_fails_its_own_check() {
    let good = Zip::good;
    let mut arm = program();
    arm[18] = 183;
    for (zip, expected) in [
        (good().with("a\\b", 0o644, b""), "names"),
        (good().with("c:/x", 0o644, b""), "names"),
        (good().with("a/./b", 0o644, b""), "names"),
        (good().with("PROCFILE", 0o644, b""), "clashes"),
        (good().with("Procfile/x", 0o644, b""), "clashes"),
        (good().with("Procfile", 0o644, b"worker: x\n"), "Procfile"),
        (good().with(HOOK, 0o644, b"#!/bin/sh\n"), "hooks"),
        (good().with(HOOK, 0o755, b"#!/bin/sh\r\n"), "hooks"),
        (good().with("bin/server", 0o644, &program()), "executables"),
        (
            good().with("bin/server", 0o755, b"#!/bin/sh\n"),
            "executables",
        ),
        (good().with("bin/server", 0o755, b"\x7fELF"), "executables"),
        (good().with("bin/server", 0o755, &arm), "machine"),
    ] {
        assert_eq!(failed(&zip.bytes()), [expected], "{:?}", zip.0.last());
    }
}

/// What no zip library writes: names put in afterwards.
#[test]
fn hostile_names_are_refused() {
    for (placeholder, name, expected) in [
        ("aa/bbbb", b"../bbbb", "names"),
        ("aa/bbbb", b"/a/bbbb", "names"),
        ("aa/bbbb", b"aa/b\xffbb", "names"),
        ("aa/bbbb", b"aa/b\nbb", "names"),
    ] {
        let mut bytes = Zip::good().with(placeholder, 0o644, b"").bytes();
        replace(&mut bytes, placeholder.as_bytes(), name);
        assert_eq!(failed(&bytes), [expected], "{name:?}");
    }
}

#[test]
fn a_name_that_occurs_twice_is_refused() {
    let mut bytes = Zip::good()
        .with("aa/bbbb", 0o644, b"1")
        .with("aa/bbbc", 0o644, b"2")
        .bytes();
    replace(&mut bytes, b"aa/bbbc", b"aa/bbbb");
    assert!(failed(&bytes).contains(&"clashes"));
}

#[test]
fn a_parent_folder_is_named() {
    let mut zip = Zip::good();
    for (name, ..) in &mut zip.0 {
        name.insert_str(0, "app/");
    }
    let checks = all(&open_bytes(&zip.bytes()).unwrap());
    let layout = checks.iter().find(|check| check.name == "layout").unwrap();
    assert!(!layout.ok && layout.detail.contains("`app/`"), "{layout:?}");
}

#[test]
fn damaged_content_is_found_by_its_checksum() {
    let mut bytes = Zip::good().with("data", 0o644, b"0123456789").bytes();
    replace(&mut bytes, b"0123456789", b"0123456780");
    assert_eq!(failed(&bytes), ["executables"]);
}

#[test]
fn what_is_no_zip_is_an_error() {
    for bytes in [
        &b""[..],
        b"PK\x05\x06",
        b"not a zip at all, not a zip at all",
    ] {
        assert!(open_bytes(bytes).is_err());
    }
    let bytes = Zip::good().bytes();
    assert!(open_bytes(&bytes[..bytes.len() - 1]).is_err());
}
