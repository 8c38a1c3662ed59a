//! Cuts the power while the agent stages, hands over, commits, rolls back and restarts. After the next boot one whole
//! release has to serve, and a command that had ended before the cut must have its effect.
//!
//! The file systems are real; systemd and nginx are the model. The tests need root, loop devices and
//! `qemu-storage-daemon`. `cargo test -p flipless-agent power_cut -- --ignored --nocapture` runs them.

use std::fs;
use std::path::Path;

use super::crash_points::assert_settled;
use super::*;
use crate::instance::paths::FLIPPED;
use crate::testing::file_system::Mounted;
use crate::testing::power::{Log, Recorder, Replay};

/// The number of power cuts on each file system, unless `FLIPLESS_CUTS` is set.
const CUTS: usize = 150;
/// How many files each version has besides its server. Some of them are larger than a page of memory.
const FILES: usize = 24;

/// EB's own units serve, because EB has not flipped to the first version yet.
const STOCK: &str = "stock";

/// One command or step of EB, and the versions that may serve after a power cut in this phase.
struct Phase {
    name: &'static str,
    /// How many writes and flushes of the disk are recorded at the end of the phase.
    end: usize,
    may_serve: &'static [&'static str],
}

/// Returns the content of a file. Every second file is the same in all versions. On XFS equal files share their blocks.
fn content(version: &str, file: usize) -> Vec<u8> {
    let version = match file % 2 {
        0 => "any",
        _ => version,
    };
    let line = format!("{version} {file}\n");
    line.repeat(1 + file * file * 40).into_bytes()
}

/// Unpacks a bundle as EB does: into an empty folder, and without a sync of the server and the other files.
fn unpack(instance: &Instance, version: &str) {
    instance.system.remove(BUNDLE).unwrap();
    instance.new_version(version);
    let bundle = instance.system.locate(BUNDLE);
    fs::write(bundle.join("bin").join(layout::AGENT_BIN), "the agent").unwrap();
    fs::create_dir(bundle.join("public")).unwrap();
    for file in 0..FILES {
        let path = bundle.join(format!("public/{file}"));
        fs::write(path, content(version, file)).unwrap();
    }
}

/// Plays EB's flip. EB itself does not sync. A sync here stands for the file system, which may write to the disk at any
/// moment.
fn flip_by_eb(instance: &Instance) {
    let system = &instance.system;
    for name in system.names(FLIPPED).unwrap() {
        system.remove(format!("{FLIPPED}/{name}")).unwrap();
        system.sync("/").unwrap();
    }
    system.remove(FLIPPED).unwrap();
    system.sync("/").unwrap();
    fs::rename(system.locate(BUNDLE), system.locate(FLIPPED)).unwrap();
}

/// Plays deployments on a recorded disk. Returns the number of records before the deployments, the phases, and all
/// records.
fn record(mkfs: &[&str]) -> (usize, Vec<Phase>, Log) {
    let recorder = Recorder::start(mkfs);
    let instance = Instance::on(recorder.root());
    instance.model.borrow_mut().links_units = true;
    unpack(&instance, "v1");
    instance.system.sync("/").unwrap();
    let start = recorder.recorded();
    let mut phases = Vec::new();
    let mut phase = |name, may_serve: &'static [&'static str], act: &dyn Fn()| {
        act();
        instance.let_drain();
        phases.push(Phase {
            name,
            end: recorder.recorded(),
            may_serve,
        });
    };
    let system = &instance.system;
    let stage = || stage::stage(system, instance.bundle()).unwrap();
    let start_web = || start_web(&instance).unwrap();
    let commit = || commit::commit(system).unwrap();
    phase("first stage", &[STOCK], &stage);
    phase("first flip by EB", &[STOCK, "v1"], &|| {
        flip_by_eb(&instance)
    });
    phase("first web-started", &[STOCK, "v1"], &start_web);
    phase("first commit", &["v1"], &commit);
    phase("EB unpacks", &["v1"], &|| unpack(&instance, "v2"));
    phase("stage", &["v1"], &stage);
    // If EB's new folder is on the disk, the start of web.service at the boot hands over.
    phase("flip by EB", &["v1", "v2"], &|| flip_by_eb(&instance));
    phase("web-started", &["v1", "v2"], &start_web);
    phase("commit", &["v2"], &commit);
    phase("rollback", &["v2", "v1"], &|| {
        rollback::rollback(system).unwrap()
    });
    phase("restart", &["v1"], &|| restart::restart(system).unwrap());
    // The file system writes everything that is still in memory.
    phase("the end", &["v1"], &|| system.sync("/").unwrap());
    (start, phases, recorder.finish())
}

/// Boots from the image of a cut. Returns the version that serves.
fn assert_boots(image: &Path, root: &Path, phase: &Phase, when: &str) -> String {
    // Another process may still have the mount of an earlier cut in its mount namespace. XFS mounts no second file
    // system with the same UUID (xfs(5)).
    let options: &[&str] = match when.starts_with("mkfs.xfs") {
        true => &["-o", "nouuid"],
        false => &[],
    };
    let _mounted = Mounted::at(image, root, options);
    let instance = Instance::booting(root.to_owned());
    let mut model = instance.model.borrow_mut();
    model.links_units = true;
    model.enabled = crate::testing::linked_units(root);
    drop(model);
    instance.reboot();
    let served = match state(&instance).current {
        Some(current) => {
            assert_eq!(instance.serving(), [current.unit()], "{when}");
            assert_whole(&instance, &current.release, when)
        }
        None => {
            assert!(
                !instance.has_drop_in(layout::WEB),
                "{when}: neither stock EB nor flipless"
            );
            STOCK.to_owned()
        }
    };
    assert!(
        phase.may_serve.contains(&served.as_str()),
        "{when}: {served} serves"
    );
    instance.model.borrow_mut().gaps.clear();
    unpack(&instance, "v3");
    deploy(&instance, "v3");
    assert_settled(&instance, when);
    served
}

/// Checks every file of a release. Returns the version of the release.
fn assert_whole(instance: &Instance, release: &str, when: &str) -> String {
    let app = format!("{}/{release}/app", layout::RELEASES);
    let read = |file: &str| instance.system.read(format!("{app}/{file}")).unwrap();
    let version = read("bin/server").unwrap_or_else(|| panic!("{when}: no server"));
    let version = String::from_utf8(version).unwrap();
    for file in 0..FILES {
        let found = read(&format!("public/{file}"));
        let whole = found.as_deref() == Some(&content(&version, file));
        assert!(whole, "{when}: {version:?} has a broken file {file}");
    }
    for file in [layout::SETTINGS_FILE, "systemd/flipless-app.socket"] {
        assert!(
            read(file).is_some_and(|text| !text.is_empty()),
            "{when}: {file}"
        );
    }
    version
}

/// Returns a small random generator (xorshift64). The cut's number is the seed, so a failed cut can be repeated.
fn coin(seed: usize) -> impl FnMut() -> bool {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed as u64 + 1);
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 32 & 1 == 1
    }
}

fn cut_everywhere(mkfs: &[&str]) {
    let (start, phases, log) = record(mkfs);
    let cuts = std::env::var("FLIPLESS_CUTS").map_or(CUTS, |cuts| cuts.parse().unwrap());
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let (image, root) = (folder.path().join("image"), folder.path().join("root"));
    let end = phases.last().unwrap().end;
    let mut replay = Replay::new(&log, folder.path());
    let mut done = std::collections::BTreeMap::new();
    for cut in 0..cuts {
        let records = start + (end - start) * cut / (cuts - 1);
        let phase = phases.iter().find(|phase| records <= phase.end).unwrap();
        let when = format!(
            "{} cut {cut}, after {records} of {end} records, in {}",
            mkfs[0], phase.name
        );
        let mut coin = coin(cut);
        // A third of the cuts lose all unflushed writes, a third keep all of them, and a third keep each of them with a
        // probability of one half.
        replay.cut(records, &image, || match cut % 3 {
            0 => false,
            1 => true,
            _ => coin(),
        });
        let served = assert_boots(&image, &root, phase, &when);
        *done.entry((phase.end, phase.name, served)).or_insert(0) += 1;
        fs::remove_file(&image).unwrap();
    }
    println!("{}: {cuts} cuts in {} records", mkfs[0], end - start);
    for ((_, phase, served), count) in done {
        println!("  {phase:<12} {count:>3} cuts, then {served} served");
    }
}

#[test]
#[ignore = "needs root, loop devices, xfsprogs and qemu-storage-daemon"]
fn after_a_power_cut_one_whole_release_serves() {
    // Amazon Linux has XFS.
    for mkfs in [["mkfs.xfs", "-q"].as_slice(), &["mkfs.ext4", "-q", "-F"]] {
        cut_everywhere(mkfs);
    }
}
