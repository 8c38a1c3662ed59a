//! Runs `cargo xtask diff` as a process, and tests its output and its exit status.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// `a.zip` and `b.zip` with their manifests. At first the two bundles are equal.
struct Pair(tempfile::TempDir);

impl Pair {
    fn new() -> Self {
        let pair = Self(tempfile::tempdir().unwrap());
        for name in ["a", "b"] {
            pair.write(name, "web: x\n", "0123");
        }
        pair
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a zip with this Procfile, and a manifest with this commit.
    fn write(&self, name: &str, procfile: &str, commit: &str) {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().unix_permissions(0o644);
        writer.start_file("Procfile", options).unwrap();
        writer.write_all(procfile.as_bytes()).unwrap();
        let zip = writer.finish().unwrap().into_inner();
        let digest = Sha256::digest(&zip);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let manifest = json!({
            "zip": "shop.zip", "sha256": digest, "bytes": zip.len(), "label": digest,
            "target": "x86_64-unknown-linux-gnu", "git": { "commit": commit, "dirty": false },
        });
        fs::write(self.path(name).with_extension("zip"), zip).unwrap();
        fs::write(self.path(name).with_extension("json"), manifest.to_string()).unwrap();
    }

    fn diff(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let command = command.args(["diff", "a.zip", "b.zip"]).args(arguments);
        command.current_dir(self.0.path()).output().unwrap()
    }

    /// Returns the exit status without and with `--exit-code`.
    fn exits(&self) -> [Option<i32>; 2] {
        [&[][..], &["--exit-code"]].map(|arguments| self.diff(arguments).status.code())
    }

    /// Asserts that `diff` refuses to compare the files, and returns its messages.
    #[track_caller]
    fn refused(&self) -> String {
        assert_eq!(self.exits(), [Some(2); 2]);
        let output = self.diff(&["--json"]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        said(&output)
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn equal_bundles_have_no_differences_and_exit_with_0() {
    let pair = Pair::new();
    assert_eq!(pair.exits(), [Some(0); 2]);
    let output = pair.diff(&[]);
    assert_eq!(printed(&output), "");
    let status = "    Compared 0 entries and 0 fields of the manifest differ\n";
    assert_eq!(said(&output), status);
    let json: Value = serde_json::from_slice(&pair.diff(&["--json"]).stdout).unwrap();
    assert_eq!(json, json!({ "manifest": [], "entries": [] }));
}

#[test]
fn entries_that_differ_exit_with_1_if_asked_for() {
    let pair = Pair::new();
    pair.write("b", "web: yy\n", "0123");
    assert_eq!(pair.exits(), [Some(0), Some(1)]);
    let text = printed(&pair.diff(&[]));
    assert!(
        text.starts_with("changed  Procfile  (0644, 7 B → 0644, 8 B)\n"),
        "{text}"
    );
    assert!(
        text.contains("-web: x\n") && text.contains("+web: yy\n"),
        "{text}"
    );
    let json: Value = serde_json::from_slice(&pair.diff(&["--json"]).stdout).unwrap();
    assert_eq!(json["manifest"], json!([]));
    let entry = &json["entries"][0];
    assert_eq!(entry["path"], "Procfile");
    assert_eq!(entry["old"]["mode"], "0644");
    assert_eq!(
        (&entry["old"]["bytes"], &entry["new"]["bytes"]),
        (&json!(7), &json!(8))
    );
    assert_ne!(entry["old"]["sha256"], entry["new"]["sha256"]);
}

#[test]
fn another_commit_of_the_same_content_is_a_difference() {
    let pair = Pair::new();
    pair.write("b", "web: x\n", "4567");
    assert_eq!(pair.exits(), [Some(0), Some(1)]);
    assert_eq!(
        printed(&pair.diff(&[])),
        "manifest git.commit  (0123 → 4567)\n"
    );
    let json: Value = serde_json::from_slice(&pair.diff(&["--json"]).stdout).unwrap();
    let field = json!({ "field": "git.commit", "old": "0123", "new": "4567" });
    assert_eq!(json, json!({ "manifest": [field], "entries": [] }));
}

#[test]
fn a_zip_without_a_manifest_is_compared_by_its_entries_with_a_warning() {
    let pair = Pair::new();
    pair.write("b", "web: x\n", "4567");
    fs::remove_file(pair.path("b.json")).unwrap();
    assert_eq!(pair.exits(), [Some(0); 2]);
    let output = pair.diff(&["--json"]);
    assert_eq!(
        said(&output).lines().next(),
        Some("warning: found no b.json: the manifests are not compared")
    );
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json, json!({ "manifest": null, "entries": [] }));
    pair.write("b", "web: yy\n", "4567");
    fs::remove_file(pair.path("b.json")).unwrap();
    assert_eq!(pair.exits(), [Some(0), Some(1)]);
}

#[test]
fn a_manifest_of_another_zip_or_a_broken_one_is_an_error_and_not_a_difference() {
    let pair = Pair::new();
    pair.write("other", "web: other\n", "0123");
    fs::copy(pair.path("other.json"), pair.path("b.json")).unwrap();
    let refused = pair.refused();
    assert!(
        refused.contains("error: b.json describes another zip than this one"),
        "{refused}"
    );
    assert!(refused.contains("hint: "), "{refused}");
    for broken in ["{", "{}", "[1]"] {
        fs::write(pair.path("b.json"), broken).unwrap();
        let refused = pair.refused();
        assert!(
            refused.contains("error: cannot read b.json"),
            "{broken}: {refused}"
        );
    }
}

#[test]
fn a_file_that_is_not_a_zip_is_an_error_with_its_path() {
    let pair = Pair::new();
    fs::write(pair.path("b.zip"), "no zip at all").unwrap();
    let refused = pair.refused();
    assert!(refused.contains("error: b.zip: "), "{refused}");
}

#[test]
fn a_missing_file_is_a_usage_error() {
    let pair = Pair::new();
    fs::remove_file(pair.path("b.zip")).unwrap();
    let refused = pair.refused();
    assert!(
        refused.contains("b.zip") && refused.contains("No such file"),
        "{refused}"
    );
    assert_eq!(pair.diff(&["--no-such-flag"]).status.code(), Some(2));
}
