//! The agent reads any file for `EnvironmentFile=` as systemd does.

use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::super::file::*;
use super::super::reader::read;
use super::environment;
use flipless_testing::any_input;

fn pairs(content: &[u8]) -> Option<Environment> {
    read(content).ok()
}

/// Each expected result is what systemd 252 reads.
#[test]
fn a_file_is_read_as_systemd_reads_it() {
    for (content, expected) in [
        (
            "A=1\r\nB= x y \n  C = z",
            &[("A", "1"), ("B", "x y"), ("C", "z")][..],
        ),
        ("a.b=1\nexport B=2\n=3\nC\n1=4\nD=\n", &[("D", "")]),
        ("A=1\nA=2\n", &[("A", "2")]),
        (
            "A='x\ny' z\nB=\"b\"a\"c\"\nC=a\"b\"",
            &[("A", "x\nyz"), ("B", "ba\"c\""), ("C", "a\"b\"")],
        ),
        (
            "A=a\\\nb\\ \\  \nB=\"\\$\\a\\\\\\\nx\"",
            &[("A", "ab  "), ("B", "$\\a\\x")],
        ),
        ("#A=1\\\nB=1\n;C=1\nD=1", &[("D", "1")]),
        ("A=$B${B}%n", &[("A", "$B${B}%n")]),
        ("A=\"open\nB=1", &[("A", "open\nB=1")]),
        (
            "\u{feff}A=1\nB=\"\r\u{1b}\u{7f}\"",
            &[("B", "\r\u{1b}\u{7f}")],
        ),
    ] {
        assert_eq!(
            pairs(content.as_bytes()),
            Some(environment(expected)),
            "{content:?}"
        );
    }
    for refused in [
        &b"A=\0"[..],
        b"B=1\nA=\xff\n",
        b"\xff=1",
        "A=\u{fffe}".as_bytes(),
    ] {
        let error = read(refused).unwrap_err().to_string();
        assert!(error.contains("NUL") || error.contains("UTF-8"), "{error}");
    }
}

proptest! {
    #![proptest_config(any_input(1024))]

    #[test]
    fn what_the_agent_writes_is_read_back(pairs in prop::collection::btree_map("[A-Z_][A-Z0-9_]{0,9}", "[^\\x00\\u{fdd0}-\\u{fdef}\\u{fffe}\\u{ffff}\\u{1fffe}-\\u{10ffff}]{0,20}", 0..5)) {
        if let Ok(file) = to_file(&pairs, 5000) {
            let mut expected = pairs;
            expected.remove("PORT");
            prop_assert_eq!(read(file.as_bytes()).unwrap(), expected);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(content in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&content);
    }
}

/// Calls systemd's own reader, in its private library. Prints one JSON value for each file: an object, or null if
/// systemd refuses the file.
const SYSTEMD_S_READER: &str = r#"
import ctypes, glob, json, os, sys
library = ctypes.CDLL(sorted(glob.glob("/usr/lib/*/systemd/libsystemd-shared-*.so"))[-1])
library.strv_env_clean_with_callback.restype = ctypes.POINTER(ctypes.c_char_p)
def read(path):
    lines = ctypes.POINTER(ctypes.c_char_p)()
    if library.load_env_file(None, path.encode(), ctypes.byref(lines)) < 0:
        return None
    pairs, at = {}, 0
    if lines:
        lines = library.strv_env_clean_with_callback(lines, None, None)
        while lines[at]:
            name, value = lines[at].decode().split("=", 1)
            pairs[name], at = value, at + 1
    return pairs
folder = sys.argv[1]
print(json.dumps([read(f"{folder}/{name}") for name in sorted(os.listdir(folder))]))
"#;

/// Generates files from characters that have a meaning somewhere in the syntax.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        30 => r#"["'\\$`#;= \n\r\tnaA_0é\u{1b}-]{0,6}"#.prop_map(String::into_bytes),
        20 => "[AB]=[\"']?[a ]{0,2}[\"']?\n".prop_map(String::into_bytes),
        1 => Just(b"\xff".to_vec()),
        1 => Just("\u{fffe}".into()),
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

#[test]
fn systemd_s_own_reader_reads_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut runner = TestRunner::new(any_input(1));
    let files: Vec<_> = (0..1024)
        .map(|_| file().new_tree(&mut runner).unwrap().current())
        .collect();
    for (number, content) in files.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{number:06}")), content).unwrap();
    }
    let output = Command::new("python3")
        .args(["-c", SYSTEMD_S_READER])
        .arg(folder.path())
        .output();
    let output = output.ok().filter(|output| output.status.success());
    let Some(output) = output else {
        eprintln!("skipped: python3 can't call the reader in systemd's private library");
        return;
    };
    let read: Vec<Option<Environment>> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read.len(), files.len());
    for (content, expected) in files.iter().zip(read) {
        let text = String::from_utf8_lossy(content);
        assert_eq!(pairs(content), expected, "{text:?}");
    }
}
