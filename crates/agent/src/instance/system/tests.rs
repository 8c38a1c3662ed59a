#![allow(clippy::unwrap_used)]
use super::*;

mod trees;

fn system(root: &Path) -> System {
    System::new(root, Box::new(RealCommands))
}

fn mode(system: &System, path: &str) -> u32 {
    system.locate(path).metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_file_is_replaced_whole_with_its_mode() {
    let root = tempfile::tempdir().unwrap();
    let system = system(root.path());
    system.write("/a/b/file", b"one", 0o600).unwrap();
    system.write("/a/b/file", b"two", 0o644).unwrap();
    assert_eq!(system.read("/a/b/file").unwrap().unwrap(), b"two");
    assert_eq!(
        (mode(&system, "/a/b/file"), mode(&system, "/a/b")),
        (0o644, 0o755)
    );
    assert_eq!(
        system.names("/a/b").unwrap(),
        ["file"],
        "nothing is left beside it"
    );
}

#[test]
fn a_failed_write_leaves_the_old_file() {
    let root = tempfile::tempdir().unwrap();
    let system = system(root.path());
    system.write("/a/file", b"old", 0o644).unwrap();
    // A folder is at the path of the temporary file, so the write fails.
    system.make_folder("/a/file.new").unwrap();
    assert!(system.write("/a/file", b"new", 0o644).is_err());
    assert_eq!(system.read("/a/file").unwrap().unwrap(), b"old");
}

#[test]
fn a_copied_tree_has_fixed_modes_and_keeps_links() {
    let root = tempfile::tempdir().unwrap();
    let system = system(root.path());
    system.write("/from/bin/tool", b"x", 0o705).unwrap();
    system.write("/from/notes\nhere", b"y", 0o604).unwrap();
    system.link(Path::new("bin/tool"), "/from/link").unwrap();
    system.copy_tree("/from", "/to", None).unwrap();
    assert_eq!(mode(&system, "/to/bin/tool"), 0o755);
    assert_eq!(mode(&system, "/to/notes\nhere"), 0o644);
    assert_eq!(
        system.link_target("/to/link").unwrap(),
        Path::new("bin/tool")
    );
}

#[test]
fn removing_a_missing_path_succeeds() {
    let root = tempfile::tempdir().unwrap();
    system(root.path()).remove("/no/such").unwrap();
}

#[test]
fn a_copy_over_a_link_to_a_folder_does_not_change_that_folder() {
    let root = tempfile::tempdir().unwrap();
    let system = system(root.path());
    system.write("/real/own", b"own", 0o644).unwrap();
    system.write("/real/both", b"old", 0o644).unwrap();
    system.write("/new/folder/both", b"new", 0o644).unwrap();
    system.make_folder("/target").unwrap();
    system
        .link(&system.locate("/real"), "/target/folder")
        .unwrap();
    system.copy_tree("/new", "/target", None).unwrap();
    assert_eq!(system.read("/real/both").unwrap().unwrap(), b"old");
    assert_eq!(system.read("/target/folder/both").unwrap().unwrap(), b"new");
    assert_eq!(system.read("/target/folder/own").unwrap().unwrap(), b"own");
}

#[test]
fn a_reader_of_a_file_that_is_replaced_sees_the_complete_old_file() {
    use std::io::Read;
    let root = tempfile::tempdir().unwrap();
    let system = system(root.path());
    system.write("/a/file", b"the old one", 0o644).unwrap();
    let mut reader = fs::File::open(system.locate("/a/file")).unwrap();
    system.write("/a/file", b"new", 0o644).unwrap();
    let mut seen = String::new();
    reader.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, "the old one");
}

#[test]
fn programs_get_a_fixed_environment_and_none_of_ours() {
    let root = tempfile::tempdir().unwrap();
    let output = system(root.path()).run("env", &[]).unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "HOME=/root",
            "LC_ALL=C",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
        ],
        "cargo's own variables are not among them"
    );
    assert!(
        std::env::var_os("CARGO").is_some(),
        "there was something to drop"
    );
}
