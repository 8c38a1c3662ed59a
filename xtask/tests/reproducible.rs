//! The same sources give the same zip, byte for byte. The test builds two checkouts, each with its own target
//! directory, in the environments of two different machines.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use flipless_testing::programs::workspace;

/// The settings of a simulated machine, in the environment of a build.
struct Machine {
    umask: &'static str,
    zone: &'static str,
    language: &'static str,
}

/// The time of all files in the zip: 2020-09-13 12:26:40 UTC.
const EPOCH: &str = "1600000000";

/// Returns the files of a checkout, sorted, without build outputs and git's own folder.
fn sources() -> Vec<String> {
    let here = workspace();
    let built =
        |entry: &walkdir::DirEntry| entry.file_name() != "target" && entry.file_name() != ".git";
    let entries = walkdir::WalkDir::new(here).sort_by_file_name();
    let entries = entries.into_iter().filter_entry(built).map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files
        .map(|entry| {
            entry
                .path()
                .strip_prefix(here)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

/// Copies the sources in reverse order, and sets another modification time.
fn check_out(folder: &Path) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_234_567_890);
    for name in sources().into_iter().rev() {
        let target = folder.join(&name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(workspace().join(&name), &target).unwrap();
        let file = fs::File::options().write(true).open(&target).unwrap();
        file.set_modified(time).unwrap();
    }
}

/// Builds the checkout in `folder` into its own target directory, and returns the zip's path.
fn build(xtask: &Path, folder: &Path, out: &Path, machine: &Machine) -> PathBuf {
    let script = format!("umask {}; exec \"$0\" \"$@\"", machine.umask);
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(xtask)
        .args(["dist", "--out"])
        .arg(out)
        // `cargo xtask` passes the checkout's path in this variable.
        .env("CARGO_MANIFEST_DIR", folder.join("xtask"))
        .env_remove("CARGO_TARGET_DIR")
        .env("SOURCE_DATE_EPOCH", EPOCH)
        .env("TZ", machine.zone)
        .env("LC_ALL", machine.language)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(folder.join("target").is_dir(), "it has a target of its own");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

/// Describes the entries in which two zips differ, for the test's message.
fn difference(first: &Path, second: &Path) -> String {
    let list = |zip: &Path| {
        let manifest = fs::read(zip.with_extension("json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        manifest["entries"].as_array().unwrap().clone()
    };
    let (first, second) = (list(first), list(second));
    let pairs = first.iter().zip(&second).filter(|(a, b)| a != b);
    pairs.map(|(a, b)| format!("{a}\n{b}\n")).collect()
}

#[test]
fn two_checkouts_on_two_machines_give_the_same_zip() {
    let xtask = Path::new(env!("CARGO_BIN_EXE_xtask"));
    let folder = tempfile::tempdir().unwrap();
    let one = Machine {
        umask: "022",
        zone: "UTC",
        language: "C",
    };
    let other = Machine {
        umask: "077",
        zone: "Asia/Kathmandu",
        language: "tr_TR.UTF-8",
    };
    // The first build uses this checkout as it is. The second one uses a fresh copy in another folder.
    let first = build(xtask, workspace(), &folder.path().join("a"), &one);
    let longer = folder.path().join("another folder/with a longer path");
    check_out(&longer);
    let second = build(xtask, &longer, &folder.path().join("b"), &other);
    let same = fs::read(&first).unwrap() == fs::read(&second).unwrap();
    assert!(same, "{}", difference(&first, &second));
    let sbom = |zip: &Path| fs::read_to_string(zip.with_extension("cdx.json")).unwrap();
    assert_eq!(sbom(&first), sbom(&second));
    assert!(sbom(&first).contains("\"2020-09-13T12:26:40Z\""));

    // The files in the zip have the requested time.
    let mut zip = zip::ZipArchive::new(fs::File::open(&first).unwrap()).unwrap();
    for index in 0..zip.len() {
        let time = zip.by_index(index).unwrap().last_modified().unwrap();
        let shown = (time.year(), time.month(), time.day(), time.hour());
        assert_eq!(shown, (2020, 9, 13, 12));
    }
    // No executable contains the path of the folder in which it was built.
    for name in ["bin/server", "bin/flipless"] {
        let mut content = Vec::new();
        let mut entry = zip.by_name(name).unwrap();
        std::io::copy(&mut entry, &mut content).unwrap();
        // The slash at the end matters: if root runs the test, the home is `/root`, and the agent itself contains the
        // text `HOME=/root` for the programs that it runs.
        for place in [folder.path().join(""), env::home_dir().unwrap().join("")] {
            let place = place.to_str().unwrap().as_bytes();
            let found = content.windows(place.len()).any(|window| window == place);
            assert!(!found, "{name} names {}", place.escape_ascii());
        }
    }
}
