//! Shared parts of the tests on booted instances.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use flipless_settings::FrontMode;
use rehearse::bundle::{self, Changes};
use rehearse::engine::{Variants, variants};
use rehearse::image::{Image, Suite};
use rehearse::load::Manner;
use rehearse::machine::{Command, Instance, Machine};
use rehearse::requirements;
use rehearse::result::ScenarioResult;
use rehearse::scenario::{self, Parameters, Soak, Soaked};
use rehearse::stall::Waits;

/// Returns whether these tests can't run here, and prints the reason. As root on Linux they always run.
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
    image_with(suite, &[])
}

fn image_with(suite: Suite, packages: &[&str]) -> Image {
    requirements::check(true).unwrap();
    Image::with_packages(suite, packages, &store("images")).unwrap()
}

pub fn boot(suite: Suite) -> Machine {
    boot_with(suite, &[])
}

/// Boots an image that also has these Debian packages.
pub fn boot_with(suite: Suite, packages: &[&str]) -> Machine {
    Machine::boot(&image_with(suite, packages), &store("machines")).unwrap()
}

pub fn say(machine: &Machine, line: &str) -> String {
    machine.run(&Command::shell(line)).unwrap().text()
}

/// The project's bundle for a front mode, built once.
pub fn project_bundle(front: FrontMode) -> PathBuf {
    static BUILT: Mutex<Vec<(FrontMode, PathBuf)>> = Mutex::new(Vec::new());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(front.name());
    let mut built = BUILT.lock().unwrap();
    if let Some((_, path)) = built.iter().find(|(other, _)| *other == front) {
        return path.clone();
    }
    let path = bundle::build(Some(front), None, &folder).unwrap();
    built.push((front, path.clone()));
    path
}

/// The bundle of the example with a relay.
pub fn relay_bundle(front: FrontMode) -> PathBuf {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/own-port/flipless.toml");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("own-port-{front}"));
    let bundle = bundle::build(Some(front), Some(&config), &folder).unwrap();
    assert_eq!(bundle::server_of(&bundle).unwrap(), "bin/flipless-relay");
    bundle
}

/// Scenarios that mostly wait. `recovery/scenarios.rs` plays these scenarios and those of the following
/// constants.
pub const LONG: [&str; 3] = ["slow-start", "hang", "three"];
/// Scenarios whose verdict does not depend on how long clients wait.
pub const UNTIMED: [&str; 6] = [
    "stop",
    "reboot",
    "adoption",
    "failed-adoption",
    "plain",
    "uninstall",
];
/// More scenarios whose verdict does not depend on how long clients wait, on a current nginx only.
pub const UNTIMED_ON_CURRENT_NGINX: [&str; 1] = ["kill-nginx"];
/// Another one of these scenarios, on an old and on a current nginx.
pub const KILL_APP: &str = "kill-app";
/// Another one of these scenarios, with a relay.
pub const KILL_CHILD: &str = "kill-child";

/// Plays a scenario. The new version is the same bundle with one more file.
pub fn play(name: &str, suite: Suite, from: &Path, variants: Variants) -> ScenarioResult {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("2.zip");
    let files = [("REHEARSAL", "2", 0o644)];
    bundle::changed(
        from,
        &to,
        &Changes {
            files: &files,
            ..Changes::default()
        },
    )
    .unwrap();
    let parameters = Parameters {
        to,
        variants,
        ..parameters(suite, from, folder.path())
    };
    scenario::play(scenario::named(name).unwrap(), &parameters)
        .unwrap()
        .run
}

fn parameters(suite: Suite, from: &Path, folder: &Path) -> Parameters {
    Parameters {
        image: image(suite),
        machines: store("machines"),
        bundles: folder.to_owned(),
        from: from.to_owned(),
        to: from.to_owned(),
        rate: 200,
        manner: Manner::default(),
        variants: variants::STANDARD,
        skipped_hooks: Vec::new(),
    }
}

/// Runs a soak with faults.
pub fn soak(deployments: u32, seed: u64, suite: Suite, from: &Path) -> Soaked {
    let folder = tempfile::tempdir().unwrap();
    let soak = Soak {
        deployments,
        faults: Some(seed),
        variants: None,
    };
    scenario::soak(&soak, &parameters(suite, from, folder.path())).unwrap()
}

/// Asserts that the scenario passed, or failed only because of latency.
pub fn went_well(run: &ScenarioResult) {
    let of_latency = |reason: &String| {
        ["note: ", "a request waited"]
            .iter()
            .any(|start| reason.starts_with(start))
    };
    println!("{}: {:?} {:?}", run.scenario, run.summary, run.reasons);
    let fine = run.reasons.iter().all(of_latency);
    assert!(fine, "{}: {:?}", run.scenario, run.reasons);
}

/// Asserts that the scenario passed. Returns how many milliseconds longer requests waited in the deployment than in
/// steady state.
pub fn excess_ms(run: &ScenarioResult) -> f64 {
    went_well(run);
    let waits = Waits::of(&run.records, &run.deploy);
    println!("{}: {waits:?}", run.scenario);
    waits.map_or(0.0, |waits| waits.excess_ms())
}
