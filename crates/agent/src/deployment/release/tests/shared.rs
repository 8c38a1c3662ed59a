//! Releases that share their blocks on the disk, on real file systems. These tests need root:
//! `cargo test -p flipless-agent shared -- --ignored --skip measured`

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::time::SystemTime;

use super::*;
use crate::testing::BUNDLE;
use crate::testing::file_system::FileSystem;

mod measured;

const XFS: &[&str] = &["mkfs.xfs", "-q", "-m", "reflink=1"];
const WITHOUT_SHARING: &[&[&str]] = &[
    &["mkfs.ext4", "-q", "-F"],
    &["mkfs.xfs", "-q", "-m", "reflink=0"],
];
const MIB: u64 = 1 << 20;
/// The size of the largest file of [`unpack`]. It does not end at the end of a block.
const LARGE: u64 = 8 * MIB + 17;

fn file_system(mkfs: &[&str]) -> (FileSystem, System) {
    let made = FileSystem::make(mkfs, 512 * MIB, Path::new("/dev/shm"));
    let system = Instance::booting(made.root()).system;
    (made, system)
}

/// Returns bytes that no file system can compress.
fn noise(seed: u64, length: u64) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed + 1);
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(length as usize).collect()
}

/// Unpacks a bundle as EB does. Only its server differs from version to version.
fn unpack(system: &System, version: u64) {
    system.remove(BUNDLE).unwrap();
    let write = |path: &str, content: &[u8]| {
        let path = system.locate(format!("{BUNDLE}/{path}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write(&format!("bin/{SERVER_BIN}"), &noise(version, MIB));
    write("public/large", &noise(100, LARGE));
    write("public/empty", b"");
    for small in 0..200 {
        let content = noise(1000 + small, small * 97);
        write(&format!("public/small/{small}"), &content);
    }
}

fn install_bundle(system: &System) -> String {
    let identity = install(system, Path::new(BUNDLE), SERVER_BIN, "").unwrap();
    format!("{}/{identity}/app", layout::RELEASES)
}

/// EB's flip removes the folder of the old version.
fn flip(system: &System) {
    use crate::instance::paths::FLIPPED;
    system.remove(FLIPPED).unwrap();
    system.rename(BUNDLE, FLIPPED).unwrap();
}

/// Deploys two versions. Returns their releases, and the number of bytes that the second deployment has taken on the
/// disk.
fn deploy_twice(made: &mut FileSystem, system: &System) -> (String, String, u64) {
    unpack(system, 1);
    let first = install_bundle(system);
    flip(system);
    let before = made.used();
    unpack(system, 2);
    let second = install_bundle(system);
    flip(system);
    (first, second, made.used() - before)
}

fn large(system: &System, release: &str) -> File {
    let path = system.locate(format!("{release}/public/large"));
    File::options().read(true).write(true).open(path).unwrap()
}

/// Checks the file that did not change from the first to the second version.
#[track_caller]
fn assert_unchanged(system: &System, release: &str) {
    let content = system.read(format!("{release}/public/large")).unwrap();
    assert!(content.unwrap() == noise(100, LARGE), "{release}");
}

#[test]
#[ignore = "needs root, loop devices and xfsprogs"]
fn on_xfs_a_second_release_takes_only_the_space_of_its_changes() {
    let (mut made, system) = file_system(XFS);
    let (first, second, growth) = deploy_twice(&mut made, &system);
    assert!(growth < 2 * MIB, "{growth}");
    for release in [&first, &second] {
        assert_unchanged(&system, release);
    }
    // The second release stays complete without the first release and without EB's folder.
    system.remove(first).unwrap();
    system.remove(crate::instance::paths::FLIPPED).unwrap();
    made.used();
    assert_unchanged(&system, &second);
    assert_eq!(
        system.read(format!("{second}/bin/{SERVER_BIN}")).unwrap(),
        Some(noise(2, MIB))
    );
}

#[test]
#[ignore = "needs root, loop devices and xfsprogs"]
fn a_change_of_one_release_does_not_reach_another() {
    let (mut made, system) = file_system(XFS);
    let (first, second, _) = deploy_twice(&mut made, &system);
    let current = crate::instance::paths::FLIPPED;
    for (changed, others) in [
        (first.as_str(), [second.as_str(), current]),
        (current, [second.as_str(), second.as_str()]),
    ] {
        let file = large(&system, changed);
        file.write_all_at(b"changed", MIB).unwrap();
        file.set_len(2 * MIB).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o600))
            .unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        for other in others {
            assert_unchanged(&system, other);
            let metadata = large(&system, other).metadata().unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o644);
            assert_ne!(metadata.modified().unwrap(), SystemTime::UNIX_EPOCH);
        }
    }
}

#[test]
#[ignore = "needs root, loop devices and xfsprogs"]
fn a_release_that_was_changed_does_not_reach_the_next_one() {
    let (mut made, system) = file_system(XFS);
    unpack(&system, 1);
    let first = install_bundle(&system);
    // A tool may hide the change: the file keeps its length and its times.
    let file = large(&system, &first);
    let before = file.metadata().unwrap().modified().unwrap();
    file.write_all_at(b"changed", 5 * MIB).unwrap();
    file.set_modified(before).unwrap();
    drop(file);
    made.used();
    unpack(&system, 2);
    assert_unchanged(&system, BUNDLE);
    let second = install_bundle(&system);
    made.used();
    assert_unchanged(&system, &second);
    assert_unchanged(&system, BUNDLE);
}

#[test]
#[ignore = "needs root, loop devices and xfsprogs"]
fn a_bundle_keeps_its_owners_modes_and_times() {
    let (_made, system) = file_system(XFS);
    unpack(&system, 1);
    install_bundle(&system);
    unpack(&system, 2);
    let file = large(&system, BUNDLE);
    std::os::unix::fs::fchown(&file, Some(900), Some(900)).unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o640))
        .unwrap();
    let facts = || {
        let found = large(&system, BUNDLE).metadata().unwrap();
        let times = (found.modified().unwrap(), found.ctime_nsec());
        (found.ino(), found.uid(), found.mode(), times)
    };
    let before = facts();
    install_bundle(&system);
    assert_eq!(facts(), before);
}

#[test]
#[ignore = "needs root, loop devices, xfsprogs and e2fsprogs"]
fn without_sharing_a_release_is_a_plain_copy() {
    for mkfs in WITHOUT_SHARING {
        let (mut made, system) = file_system(mkfs);
        let (first, second, growth) = deploy_twice(&mut made, &system);
        assert!(growth > LARGE, "{mkfs:?}: {growth}");
        for release in [&first, &second] {
            assert_unchanged(&system, release);
            let links = large(&system, release).metadata().unwrap().nlink();
            assert_eq!(links, 1, "{mkfs:?}");
        }
    }
}
