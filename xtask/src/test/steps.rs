//! The steps in order. Quick steps come first, and steps that wait for a long time start early.
//!
//! Every step with cargo builds the whole workspace and filters the tests. A step for one package would compile
//! its dependencies a second time, with other features.

use std::collections::BTreeSet;
use std::process::Command;

use super::step::{Step, Turn};
use super::{dependencies, machine};
use crate::project::Project;
use crate::tools;

/// Tests that build real bundles and examine them.
const BUNDLE: [&str; 2] = ["bundle", "stand_in"];
/// Tests that call programs which a machine may lack.
const BY_PROGRAMS: &str = "check::tests::programs";
/// Tests of the server, the relay and the program for certificates as processes. Some tests rely on the duration of a
/// request (`/slow?ms=3000`), so these tests run before the machine is busy.
const PROCESSES: [&str; 8] = [
    "server",
    "server_drain",
    "serve",
    "relay",
    "death",
    "messages",
    "nginx",
    "pebble",
];
/// Tests that build a bundle for aarch64 and run its programs.
const ARM: &str = "arm";
/// A test that builds two bundles, one of them in an empty target directory.
const REPRODUCIBLE: &str = "reproducible";
/// Tests that boot instances, and judge latencies.
const SYSTEM: &str = "scenarios";
/// Tests that boot instances and mostly wait. They judge no latency, so several of them run at the same time.
const RECOVERY: [&str; 3] = ["instance", "recovery", "sandbox"];
/// Tests of HTTPS, on one instance for each image.
const HTTPS: &str = "https";
/// Tests of typical user bundles, each on several instances at the same time.
const CASES: &str = "cases";

/// How many instances the recovery test boots at the same time. Each instance needs a quarter of a processor.
const INSTANCES: &str = "4";
/// How many instances the system test boots at the same time. The test compares an instance in a deployment with the
/// same instance before the deployment, so each of the two instances needs its own processor.
const INSTANCES_ALONE: &str = "2";

/// Checks the workflows of CI. jactionlint (a fork of actionlint that pip can install) checks keys, expressions
/// and inputs of actions. zizmor checks permissions, pinned actions and injections. Both are installed into
/// their own folders, so that the machine stays unchanged. Both run offline and without shellcheck, so that the
/// result is the same on every machine.
const WORKFLOWS: &str = r#"
    pip() { pip3 install --quiet --no-deps --target "$@"; }
    [ -d "$0/jactionlint" ] || pip "$0" jactionlint==2.3.0
    [ -x "$1/bin/zizmor" ] || pip "$1" zizmor==1.32.0
    PYTHONPATH="$0" python3 -m jactionlint --shellcheck= --pyflakes=
    exec "$1/bin/zizmor" --quiet --offline --pedantic --strict-collection .github
"#;

/// Returns all steps. `missing` contains the Debian packages that this machine lacks.
pub fn all(project: &Project, missing: &[&str]) -> Vec<Step> {
    let reasons = Reasons::of(missing);
    let mut steps = vec![
        Step {
            skip: reasons.systemd.clone(),
            ..bundle(project)
        },
        Step::cargo("format", &["fmt", "--all", "--check"]),
    ];
    steps.extend(dependencies::steps(project));
    steps.push(workflows(project, missing));
    steps.extend(lints(project));
    steps.push(unit_tests("unit tests", &["--skip", BY_PROGRAMS]));
    steps.push(Step {
        skip: reasons.programs.clone(),
        ..step_of("process tests", &PROCESSES)
    });
    // Everything that the next steps need is compiled by now.
    steps.extend(beside(&reasons));
    steps.push(Step::cargo("doc tests", &["test", "--workspace", "--doc"]));
    steps.push(Step {
        skip: reasons.systemd,
        ..integration_tests(project)
    });
    steps.push(Step {
        skip: reasons.programs.clone(),
        ..unit_tests("checks by systemd and nginx", &[BY_PROGRAMS])
    });
    steps.push(Step {
        skip: reasons.programs,
        ..step_of("bundle tests", &BUNDLE)
    });
    steps.push(Step {
        skip: reasons.booted,
        turn: Turn::Alone,
        ..threads(INSTANCES_ALONE, step_of("system test", &[SYSTEM]))
    });
    steps
}

/// Builds a bundle with every program of flipless except the relay. The later steps use these programs. At the end of
/// this step one processor links a program for a minute, and the next steps use the other processors. This is the first
/// step, because cargo locks its build folder: it can't lint while it renders the platform tree in the same folder.
fn bundle(project: &Project) -> Step {
    let xtask = std::env::current_exe().unwrap_or("xtask".into());
    let mut command = Command::new(xtask);
    command
        .args(["dist", "--config"])
        .arg(
            project
                .own()
                .root()
                .join("rehearse/tests/fixtures/https.toml"),
        )
        .arg("--out")
        .arg(project.target_folder().join("tmp/bundle-of-the-tests"));
    Step {
        turn: Turn::Beside,
        ..Step::new("bundle", command)
    }
}

/// Returns the steps that mostly wait for instances, for packages, or for a linker that uses one processor. Other steps
/// run beside these steps.
fn beside(reasons: &Reasons) -> [Step; 5] {
    let foreign = (!machine::can_cross()).then(|| "needs Linux on x86_64".to_owned());
    let booted = |step| Step {
        skip: reasons.booted.clone(),
        turn: Turn::Beside,
        urgent: true,
        ..step
    };
    [
        booted(threads(INSTANCES, step_of("recovery test", &RECOVERY))),
        booted(step_of("cases", &[CASES])),
        booted(step_of("HTTPS", &[HTTPS])),
        Step {
            skip: foreign.or(reasons.booted.clone()),
            turn: Turn::Beside,
            ..step_of("aarch64 bundle", &[ARM])
        },
        Step {
            skip: reasons.systemd.clone(),
            turn: Turn::Beside,
            ..step_of("reproducible bundle", &[REPRODUCIBLE])
        },
    ]
}

/// The reasons why this machine can't run some kinds of steps; `None` if it can run the kind.
struct Reasons {
    /// Steps that call other programs.
    programs: Option<String>,
    /// Steps that call systemd's programs.
    systemd: Option<String>,
    /// Steps that boot an instance, or unpack Debian packages with their owners.
    booted: Option<String>,
}

impl Reasons {
    fn of(missing: &[&str]) -> Self {
        let not_linux = (!cfg!(target_os = "linux")).then(|| "needs Linux".to_owned());
        let lacking = |packages: &[&str]| {
            (!packages.is_empty()).then(|| format!("not installed: {}", packages.join(" ")))
        };
        let systemd: &[&str] = if missing.contains(&"systemd") {
            &["systemd"]
        } else {
            &[]
        };
        let programs = not_linux.clone().or(lacking(missing));
        let unprivileged = (!machine::is_root()).then(|| "needs root".to_owned());
        Self {
            systemd: not_linux.or(lacking(systemd)),
            booted: programs.clone().or(unprivileged),
            programs,
        }
    }
}

/// A step with the unit tests that these arguments select.
fn unit_tests(name: &'static str, words: &[&str]) -> Step {
    let all = ["test", "--workspace", "--lib", "--bins", "--"];
    Step::cargo(name, &[&all, words].concat())
}

/// A step with the integration tests of these names. cargo fails if no package has a test of this name.
fn step_of(name: &'static str, tests: &[&str]) -> Step {
    let mut step = Step::cargo(name, &["test", "--workspace", "--no-fail-fast"]);
    for test in tests {
        step.command.args(["--test", test]);
    }
    step
}

/// Limits the number of tests that run at the same time.
fn threads(count: &str, mut step: Step) -> Step {
    step.command.args(["--", "--test-threads", count]);
    step
}

fn lints(project: &Project) -> [Step; 2] {
    let clippy = "clippy --workspace --all-targets -- -D warnings";
    let clippy: Vec<_> = clippy.split(' ').collect();
    let mut fuzz = Step::cargo("fuzz targets", &["check", "--locked", "--manifest-path"]);
    // Uses the workspace's target directory, because the dependencies are the same.
    fuzz.command
        .arg(project.root.join("fuzz/Cargo.toml"))
        .arg("--target-dir")
        .arg(project.target_folder())
        // With this variable, the build.rs of libfuzzer-sys does not compile libFuzzer's C++. The named library need
        // not exist, because a check links nothing.
        .env("CUSTOM_LIBFUZZER_PATH", "/nonexistent/libfuzzer.a");
    [Step::cargo("clippy", &clippy), fuzz]
}

fn workflows(project: &Project, missing: &[&str]) -> Step {
    let lacking = missing.contains(&"python3-pip");
    let mut command = tools::command("sh");
    let folders = ["jactionlint-2.3.0", "zizmor-1.32.0"];
    let folders = folders.map(|name| project.target_folder().join(name));
    command.args(["-euc", WORKFLOWS]).args(folders);
    Step {
        skip: lacking.then(|| "not installed: python3-pip".to_owned()),
        ..Step::new("workflows", command)
    }
}

/// A step with all integration tests that have no step of their own.
fn integration_tests(project: &Project) -> Step {
    let own: BTreeSet<&str> = [
        &RECOVERY[..],
        &BUNDLE,
        &PROCESSES,
        &[ARM, CASES, HTTPS, REPRODUCIBLE, SYSTEM],
    ]
    .concat()
    .into_iter()
    .collect();
    let names = project
        .own()
        .test_targets()
        .map(|target| target.name.as_str());
    let names: BTreeSet<&str> = names.filter(|name| !own.contains(name)).collect();
    step_of("integration tests", &Vec::from_iter(names))
}
