//! Runs `cargo xtask check` as a process, and tests its output, its exit status and its use of memory.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An address space in KiB that is ample for a bundle without large executables.
const MEMORY: u32 = 192 << 10;
/// An address space that also has room for the largest executable that `check` parses.
const WITH_ELF: u32 = MEMORY + (256 << 10);

fn check(zip: &Path, memory: u32, arguments: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            &format!("ulimit -v {memory} && exec \"$0\" check \"$@\""),
        ])
        .arg(env!("CARGO_BIN_EXE_xtask"))
        .arg(zip)
        .args(arguments);
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Writes a zip into a new folder.
fn written(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("a.zip");
    fs::write(&zip, bytes).unwrap();
    (folder, zip)
}

fn zip(entries: impl IntoIterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(1));
    for (name, content) in entries {
        writer.start_file(name, options).unwrap();
        writer.write_all(&content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Makes a zip whose only entry contains `start` and then this many MiB of zeros. Repeats one compressed piece, so that
/// the test does not compress all zeros.
fn bomb(name: &str, start: &[u8], mebibytes: usize) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(start).unwrap();
    // A sync point: the data after it can be decompressed on its own (RFC 1951).
    encoder.flush().unwrap();
    let head = encoder.get_ref().len();
    let piece = vec![0; 1 << 20];
    encoder.write_all(&piece).unwrap();
    encoder.flush().unwrap();
    let packed = encoder.get_ref().clone();
    let packed = [
        &packed[..head],
        &packed[head..].repeat(mebibytes),
        &[1, 0, 0, 0xff, 0xff],
    ];
    let mut crc = flate2::Crc::new();
    crc.update(start);
    (0..mebibytes).for_each(|_| crc.update(&piece));
    let declared = (start.len() + (mebibytes << 20)) as u32;
    as_deflated(name, &packed.concat(), crc.sum(), declared)
}

/// Makes a zip with one entry that contains this deflated data.
fn as_deflated(name: &str, packed: &[u8], crc: u32, declared: u32) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    writer.start_file(name, stored).unwrap();
    writer.write_all(packed).unwrap();
    let mut bytes = writer.finish().unwrap().into_inner();
    let central = bytes
        .windows(4)
        .rposition(|at| at == b"PK\x01\x02")
        .unwrap();
    let fields = [crc, packed.len() as u32, declared]
        .map(u32::to_le_bytes)
        .concat();
    for method in [8, central + 10] {
        bytes[method] = 8;
        bytes[method + 6..method + 18].copy_from_slice(&fields);
    }
    bytes
}

/// Asserts that `check` completes all its checks within this memory, fails, and prints `expected`.
#[track_caller]
fn assert_judged(bytes: &[u8], memory: u32, expected: &str) {
    let (_folder, zip) = written(bytes);
    let output = check(&zip, memory, &[]);
    let table = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{} {table}", said(&output));
    assert!(table.contains(expected), "{table}");
}

#[test]
fn a_bomb_takes_no_memory() {
    let bomb = bomb("public/bomb", b"", 300);
    assert!(bomb.len() < 4 << 20);
    assert_judged(&bomb, MEMORY, "ok    content");
}

#[test]
fn a_bomb_of_texts_takes_no_memory() {
    let text = vec![b'#'; 1 << 20];
    let texts = (0..300).map(|index| (format!("systemd/{index}.service"), text.clone()));
    assert_judged(
        &zip(texts),
        MEMORY,
        "systemd/16.service is not checked: the files of this kind have more than 16.0 MiB together",
    );
}

#[test]
fn executables_take_memory_one_at_a_time_and_up_to_a_limit() {
    let most = bomb("bin/a", b"\x7fELF", 255);
    assert_judged(&most, WITH_ELF, "ok    content");
    let more = bomb("bin/a", b"\x7fELF", 257);
    assert_judged(
        &more,
        MEMORY,
        "bin/a is not checked: it is an executable of more than 256 MiB",
    );
}

#[test]
fn the_result_is_on_standard_output_and_the_rest_is_not() {
    let (_folder, zip) = written(&zip([("Procfile".into(), b"web: x\n".to_vec())]));
    let output = check(&zip, MEMORY, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
    let find = |name: &str| {
        let mut checks = checks.as_array().unwrap().iter();
        checks.find(|check| check["name"] == name).unwrap()
    };
    assert_eq!(find("Procfile")["ok"], true);
    assert_eq!(find("executables")["ok"], false);
    assert_eq!(find("manifest")["ok"], Value::Null);
    let detail = find("manifest")["detail"].as_str().unwrap();
    assert!(detail.starts_with("not checked: no "), "{detail}");
    assert!(said(&output).contains("checks failed"), "{}", said(&output));
    assert!(said(&output).contains("checks were skipped"));
    let table = check(&zip, MEMORY, &[]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.starts_with("skip  manifest "), "{table}");
}

#[test]
fn an_argument_that_is_not_a_file_is_a_usage_error() {
    let output = check(Path::new("/no/such.zip"), MEMORY, &[]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

/// `check` allows a server with a static glibc only with a setting. Only the settings in the bundle count.
#[test]
fn the_verdict_follows_the_settings_in_the_bundle_and_no_file_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("main.c"), "int main(void) { return 0; }").unwrap();
    let mut compiler = Command::new("cc");
    let compiler = compiler.args(["-static", "-o", "server", "main.c"]);
    let status = compiler.current_dir(folder.path()).status();
    assert!(status.unwrap().success());
    let server = fs::read(folder.path().join("server")).unwrap();
    let judged = |settings: &str| {
        let entries = [
            ("Procfile".into(), Vec::new()),
            ("bin/server".into(), server.clone()),
            ("flipless.json".into(), settings.into()),
        ];
        let (_folder, zip) = written(&zip(entries));
        let output = check(&zip, WITH_ELF, &["--json"]);
        let checks: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let verdict = |name| {
            let found = checks.iter().find(|check| check["name"] == name);
            found.unwrap()["ok"].as_bool()
        };
        (verdict("settings"), verdict("static glibc"))
    };
    let [allowed, refused] = [false, true]
        .map(|names| judged(&format!(r#"{{"server": {{"resolves_names": {names}}}}}"#)));
    assert_eq!(allowed, (Some(true), Some(true)));
    assert_eq!(refused, (Some(true), Some(false)));
    assert_eq!(
        judged("{"),
        (Some(false), Some(false)),
        "the default is the careful one"
    );
}
