//! Shared parts of the tests on booted instances.
#![allow(dead_code, reason = "each test file uses a part of this module")]

use std::cell::OnceCell;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use flipless_settings::FrontMode;
use rehearse::bundle::{self, Changes};
use rehearse::engine::{Variants, variants};
use rehearse::image::{Image, Suite};
use rehearse::load::Manner;
use rehearse::machine::{Command, Instance, Machine, wait_for};
use rehearse::requirements;
use rehearse::result::ScenarioResult;
use rehearse::scenario::{self, Parameters, Soak, Soaked};
use rehearse::stall::Waits;
use rustix::fs::{FlockOperation, flock};

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

/// The number of threads per processor that may have instances at the same time. On a machine with too many busy
/// instances, clients wait for a processor until their time limit, and the test reports lost requests.
const PLACES_PER_PROCESSOR: usize = 2;
/// How long a thread waits for a place. This is much longer than the tests of one thread take.
const TURN: Duration = Duration::from_secs(3600);

/// Waits until this thread has one of the places for instances, and keeps the place until the thread ends. A thread
/// uses its instances one after the other, or at least keeps only one of them busy. A place is a lock on a file,
/// because several test programs run at the same time.
pub fn take_place() {
    thread_local!(static PLACE: OnceCell<File> = const { OnceCell::new() });
    let folder = store("places");
    fs::create_dir_all(&folder).unwrap();
    let count = PLACES_PER_PROCESSOR * thread::available_parallelism().unwrap().get();
    let free = || {
        (0..count).find_map(|number| {
            let file = File::create(folder.join(number.to_string())).unwrap();
            let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
            locked.is_ok().then_some(file)
        })
    };
    PLACE.with(|place| {
        place.get_or_init(|| wait_for(TURN, free).unwrap());
    });
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
    let image = image_with(suite, packages);
    take_place();
    Machine::boot(&image, &store("machines")).unwrap()
}

pub fn say(machine: &Machine, line: &str) -> String {
    machine.run(&Command::shell(line)).unwrap().text()
}

/// Returns the project's bundle for a front mode. The bundle of each front mode is built once.
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

/// Builds the bundle of the example `own-port`, which has a relay.
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
/// The scenario of this kind that is played only on a current nginx.
pub const UNTIMED_ON_CURRENT_NGINX: [&str; 1] = ["kill-nginx"];
/// A scenario of this kind that is played on an old and on a current nginx.
pub const KILL_APP: &str = "kill-app";
/// A scenario of this kind that is played with a relay.
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
    take_place();
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
    take_place();
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

/// Asserts that the scenario passed, or failed only because of latency. Returns how many milliseconds longer requests
/// waited in the deployment than in steady state.
pub fn excess_ms(run: &ScenarioResult) -> f64 {
    went_well(run);
    let waits = Waits::of(&run.records, &run.deploy);
    println!("{}: {waits:?}", run.scenario);
    waits.map_or(0.0, |waits| waits.excess_ms())
}
