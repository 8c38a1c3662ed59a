//! Measures the second release of a bundle for `cargo xtask bench --row second-release-disk`.

use std::process::Command;
use std::time::Instant;

use super::*;
use crate::testing::file_system::run;

/// Copies a folder block by block, because EB's unpacking also writes every block.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    run(Command::new("cp")
        .args(["-r", "--reflink=never"])
        .args([from, to]));
}

/// Unpacks the bundle. Each version has a different server.
fn unpack(system: &System, files: &Path, version: u64) {
    copy(files, &system.locate(BUNDLE));
    let server = system.locate(format!("{BUNDLE}/bin/{SERVER_BIN}"));
    fs::create_dir_all(server.parent().unwrap()).unwrap();
    fs::write(server, noise(version, MIB)).unwrap();
}

/// Returns how many bytes the files in a folder take on the disk, if they share none.
fn size(folder: &Path) -> u64 {
    let entries = walkdir::WalkDir::new(folder).into_iter();
    let blocks = entries.map(|entry| entry.unwrap().metadata().unwrap().blocks());
    blocks.sum::<u64>() * 512
}

#[test]
#[ignore = "`cargo xtask bench` runs it"]
fn the_second_release() {
    let files = std::env::var("FLIPLESS_BENCH_FILES").unwrap();
    let files = Path::new(&files);
    let mut made = FileSystem::make(XFS, 4096 * MIB, files.parent().unwrap());
    let system = Instance::booting(made.root()).system;
    unpack(&system, files, 1);
    install_bundle(&system);
    flip(&system);
    let before = made.used();

    unpack(&system, files, 2);
    // Writes EB's files to the disk first, so that the measured times contain only the copies.
    system.sync("/").unwrap();
    let plain = system.locate("/plain");
    let began = Instant::now();
    copy(&system.locate(BUNDLE), &plain);
    system.sync("/").unwrap();
    let peer = (began.elapsed().as_secs_f64(), size(&plain));
    system.remove("/plain").unwrap();
    system.sync("/").unwrap();

    let began = Instant::now();
    install_bundle(&system);
    let seconds = began.elapsed().as_secs_f64();
    flip(&system);
    let bytes = made.used().saturating_sub(before);
    println!("\nmeasured: {seconds} {} {bytes} {}", peer.0, peer.1);
}
