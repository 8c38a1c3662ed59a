//! What the tests on booted instances share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rehearse::bundle::{self, Front};
use rehearse::image::{Image, Source, Suite};
use rehearse::machine::{Command, Instance, Machine};
use rehearse::requirements;

/// Why these tests don't run here; as root on Linux they always do.
pub fn unavailable() -> bool {
    if rustix::process::geteuid().is_root() {
        return false;
    }
    eprintln!("skipped: {}", requirements::check(true).unwrap_err());
    true
}

pub fn store(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .join("rehearse")
        .join(name)
}

pub fn image(suite: Suite) -> Image {
    requirements::check(true).unwrap();
    Image::obtain(&Source::Suite(suite), &store("images")).unwrap()
}

pub fn boot(suite: Suite) -> Machine {
    Machine::boot(&image(suite), &store("machines")).unwrap()
}

pub fn say(machine: &Machine, line: &str) -> String {
    machine.run(&Command::shell(line)).unwrap().text()
}

/// The project's bundle for a front mode, built once.
pub fn project_bundle(front: Front) -> PathBuf {
    static BUILT: Mutex<Vec<(Front, PathBuf)>> = Mutex::new(Vec::new());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(front.name());
    let mut built = BUILT.lock().unwrap();
    if let Some((_, path)) = built.iter().find(|(other, _)| *other == front) {
        return path.clone();
    }
    let path = bundle::build(Some(front), None, &folder).unwrap();
    built.push((front, path.clone()));
    path
}
