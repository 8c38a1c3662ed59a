//! Malicious folders: the agent reads and writes nothing outside of them, and the error names the fault.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

/// A root with an empty folder `/from`.
fn empty() -> (tempfile::TempDir, System) {
    let root = tempfile::tempdir().unwrap();
    let system = system(root.path());
    system.make_folder("/from").unwrap();
    (root, system)
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0).unwrap();
}

fn refusal(system: &System) -> String {
    format!("{:#}", system.copy_tree("/from", "/to", None).unwrap_err())
}

#[test]
fn sockets_pipes_and_devices_are_refused_by_name() {
    let (_root, system) = empty();
    let _listener = std::os::unix::net::UnixListener::bind(system.locate("/from/s")).unwrap();
    let said = refusal(&system);
    assert!(
        said.contains("/from/s") && said.contains("a socket"),
        "{said}"
    );

    let (_root, system) = empty();
    fifo(&system.locate("/from/two\nlines"));
    let said = refusal(&system);
    assert!(
        said.contains("two\\nlines") && said.contains("a named pipe"),
        "{said}"
    );

    let (_root, system) = empty();
    let device = walkdir::WalkDir::new("/dev/null").into_iter().next();
    let error = copy::entry(&device.unwrap().unwrap(), &system.locate("/to"), None);
    assert!(error.unwrap_err().to_string().contains("a device"));
    assert!(!system.exists("/to"));
}

#[test]
fn links_are_copied_as_links_and_never_followed() {
    let (root, system) = empty();
    let secret = root.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let secret = secret.to_str().unwrap();
    let links = [
        ("absolute", secret),
        ("up", "../../secret"),
        ("a", "b"),
        ("b", "a"),
        ("dangling", "no"),
        ("root", "/"),
    ];
    for (name, target) in links {
        symlink(target, system.locate(format!("/from/{name}"))).unwrap();
    }
    let digest = crate::instance::digest::of_tree(&system, "/from").unwrap();
    system.copy_tree("/from", "/to", None).unwrap();
    for (name, target) in links {
        let copied = system.link_target(format!("/to/{name}")).unwrap();
        assert_eq!(copied, Path::new(target), "{name}");
    }
    std::fs::write(secret, "another").unwrap();
    assert_eq!(
        crate::instance::digest::of_tree(&system, "/from").unwrap(),
        digest
    );
    assert_eq!(
        crate::instance::digest::of_tree(&system, "/to").unwrap(),
        digest
    );
}

#[test]
fn names_of_any_bytes_and_of_full_length_are_kept() {
    let (_root, system) = empty();
    let long = "n".repeat(255);
    let names = [
        OsStr::new("two\nlines"),
        OsStr::from_bytes(b"\xff\xfe"),
        OsStr::new(&long),
        OsStr::new("-rf ~ $(x)"),
    ];
    for name in names {
        std::fs::write(system.locate("/from").join(name), name.as_bytes()).unwrap();
    }
    system.copy_tree("/from", "/to", None).unwrap();
    for name in names {
        let copied = std::fs::read(system.locate("/to").join(name)).unwrap();
        assert_eq!(copied, name.as_bytes());
    }
}

#[test]
fn a_path_that_becomes_too_long_gives_an_error_with_a_hint() {
    let (root, system) = empty();
    let mut folder = std::path::PathBuf::from("/from");
    let room = 4090 - root.path().as_os_str().len();
    while folder.as_os_str().len() + 51 < room {
        folder.push("d".repeat(50));
    }
    std::fs::create_dir_all(system.locate(&folder)).unwrap();
    let target = format!("/{}", "t".repeat(100));
    let error = system.copy_tree("/from", target, None).unwrap_err();
    assert!(
        crate::hint::of(&error).unwrap().contains("4095"),
        "{error:#}"
    );
}

#[test]
fn a_copy_shares_no_inode_and_has_no_special_bits() {
    let (_root, system) = empty();
    system.write("/from/one", b"x", 0o755).unwrap();
    std::fs::hard_link(system.locate("/from/one"), system.locate("/from/two")).unwrap();
    let special = std::fs::Permissions::from_mode(0o6777);
    std::fs::set_permissions(system.locate("/from/one"), special).unwrap();
    system.copy_tree("/from", "/to", None).unwrap();
    for name in ["/to/one", "/to/two"] {
        let metadata = system.locate(name).metadata().unwrap();
        assert_eq!(
            (metadata.nlink(), metadata.mode() & 0o7777),
            (1, 0o755),
            "{name}"
        );
        let own = (rustix::process::geteuid(), rustix::process::getegid());
        assert_eq!(
            (metadata.uid(), metadata.gid()),
            (own.0.as_raw(), own.1.as_raw())
        );
    }
}

#[test]
fn a_private_file_stays_private_to_root_and_the_group() {
    let own = rustix::process::getegid().as_raw();
    for (mode, group, expected) in [
        (0o600, Some(own), 0o640),
        (0o700, Some(own), 0o750),
        (0o640, Some(own), 0o640),
        (0o600, None, 0o600),
        (0o604, Some(own), 0o644),
        (0o666, None, 0o644),
    ] {
        let (_root, system) = empty();
        system.write("/from/keys/client.key", b"x", mode).unwrap();
        let folder = std::fs::Permissions::from_mode(mode | 0o100);
        std::fs::set_permissions(system.locate("/from/keys"), folder).unwrap();
        system.copy_tree("/from", "/to", group).unwrap();
        let mode_of = |path: &str| system.mode(path).unwrap() & 0o7777;
        assert_eq!(mode_of("/to/keys/client.key"), expected, "{mode:o}");
        let folder = match expected & 0o007 {
            0 => 0o700 | if group.is_some() { 0o050 } else { 0 },
            _ => 0o755,
        };
        assert_eq!(mode_of("/to/keys"), folder, "{mode:o}");
    }
}

#[test]
fn a_copy_has_the_times_of_its_source() {
    let (_root, system) = empty();
    system.write("/from/page", b"x", 0o644).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    system.set_time("/from/page", time).unwrap();
    system.copy_tree("/from", "/to", None).unwrap();
    let copied = system.locate("/to/page").metadata().unwrap();
    assert_eq!(copied.modified().unwrap(), time);
}

#[test]
fn a_folder_over_a_link_to_a_file_does_not_change_that_file() {
    let (_root, system) = empty();
    system.make_folder("/from/x").unwrap();
    system.write("/outside", b"", 0o600).unwrap();
    system.make_folder("/to").unwrap();
    symlink("../outside", system.locate("/to/x")).unwrap();
    assert!(refusal(&system).contains("/to/x"));
    assert_eq!(mode(&system, "/outside"), 0o600);
}

#[test]
fn a_link_or_pipe_that_has_replaced_a_file_is_an_error() {
    let (_root, system) = empty();
    system.write("/secret", b"secret", 0o600).unwrap();
    symlink("../secret", system.locate("/from/link")).unwrap();
    fifo(&system.locate("/from/pipe"));
    assert!(open_plain(&system.locate("/from/link")).is_err());
    assert!(open_plain(&system.locate("/from/pipe")).is_err());
    assert!(open_plain(&system.locate("/secret")).is_ok());
}

#[test]
fn a_file_of_a_bundle_is_not_read_through_a_link() {
    let (_root, system) = empty();
    let bundle = Path::new("/from");
    system.write("/secret/unit", b"secret", 0o600).unwrap();
    system.write("/from/systemd/unit", b"ours", 0o600).unwrap();
    symlink("../secret/unit", system.locate("/from/link")).unwrap();
    symlink("../secret", system.locate("/from/folder")).unwrap();
    symlink("systemd", system.locate("/from/inside")).unwrap();
    let read = |file: &str| system.read_in(bundle, file);
    assert_eq!(read("systemd/unit").unwrap().unwrap(), b"ours");
    assert_eq!(read("systemd/other").unwrap(), None);
    for file in [
        "link",
        "folder/unit",
        "inside/unit",
        "../secret/unit",
        "/secret/unit",
        "systemd",
    ] {
        let error = read(file).unwrap_err();
        assert!(format!("{error:#}").contains(file), "{error:#}");
    }
}

/// The server's user owns `/var/pids`, so files in this folder may be malicious.
#[test]
fn a_link_in_place_of_a_file_or_of_its_temporary_file_is_replaced_and_not_followed() {
    let (_root, system) = empty();
    system.write("/secret", b"secret", 0o600).unwrap();
    for name in ["/from/web.pid", "/from/web.pid.new"] {
        symlink("../secret", system.locate(name)).unwrap();
    }
    system.write("/from/web.pid", b"17\n", 0o644).unwrap();
    assert_eq!(system.read("/secret").unwrap().unwrap(), b"secret");
    assert_eq!(mode(&system, "/secret"), 0o600);
    assert_eq!(system.link_target("/from/web.pid"), None);
    assert_eq!(system.names("/from").unwrap(), ["web.pid"]);
}
