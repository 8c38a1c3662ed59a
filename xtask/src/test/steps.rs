//! The steps, in order: the quick ones first. The recovery test waits most of its time, so the steps that
//! compile run beside it.
//!
//! Every step of cargo builds the whole workspace and filters the tests: a step of one package would compile
//! its dependencies a second time, with other features.

use std::collections::BTreeSet;

use super::step::{Step, Turn};
use super::{dependencies, machine};
use crate::project::Project;
use crate::tools;

/// Build real bundles, and take them apart.
const BUNDLE: [&str; 2] = ["bundle", "stand_in"];
/// Asks programs that a machine may lack.
const BY_PROGRAMS: &str = "check::tests::programs";
/// Build a bundle for the other processor, and run what is in it.
const ARM: &str = "arm";
/// Boots real instances, and judges latencies: one at a time.
const SYSTEM: &str = "scenarios";
/// Boot real instances, and mostly wait; they judge no latency, so that several run side by side.
const RECOVERY: [&str; 3] = ["instance", "recovery", "cases"];

/// Checks CI's workflows: keys, expressions and the actions' inputs (jactionlint, a fork of actionlint
/// that pip has whole), then rights, pinned actions and what a stranger could slip in (zizmor). In folders
/// of their own, so that nothing of the machine's is changed; offline, and without the shellcheck that a
/// machine may have, so that the result is the same everywhere.
const WORKFLOWS: &str = r#"
    pip() { pip3 install --quiet --no-deps --target "$@"; }
    [ -d "$0/jactionlint" ] || pip "$0" jactionlint==2.3.0
    [ -x "$1/bin/zizmor" ] || pip "$1" zizmor==1.32.0
    PYTHONPATH="$0" python3 -m jactionlint --shellcheck= --pyflakes=
    exec "$1/bin/zizmor" --quiet --offline --pedantic --strict-collection .github
"#;

/// All steps; `missing` are the Debian packages that this machine lacks.
pub fn all(project: &Project, missing: &[&str]) -> Vec<Step> {
    let not_linux = (!cfg!(target_os = "linux")).then(|| "needs Linux".to_owned());
    let lacking = (!missing.is_empty()).then(|| format!("not installed: {}", missing.join(" ")));
    let unprivileged = (!machine::is_root()).then(|| "needs root".to_owned());
    let programs = not_linux.clone().or(lacking);
    let lacks_systemd = missing
        .contains(&"systemd")
        .then(|| "not installed: systemd".to_owned());
    let mut steps = checks(project);
    steps.extend(dependencies::steps(project));
    steps.push(workflows(project, missing));
    let unit = ["test", "--workspace", "--lib", "--bins", "--"];
    steps.push(Step::cargo(
        "unit tests",
        &[&unit[..], &["--skip", BY_PROGRAMS]].concat(),
    ));
    // mmdebstrap unpacks Debian's packages with their owners.
    let booted = programs.clone().or(unprivileged);
    // What it needs is compiled by now.
    steps.push(Step {
        skip: booted.clone(),
        turn: Turn::Beside,
        ..threads("3", step_of("recovery test", &RECOVERY))
    });
    steps.push(Step::cargo("doc tests", &["test", "--workspace", "--doc"]));
    steps.push(Step {
        skip: not_linux.or(lacks_systemd),
        ..integration_tests(project)
    });
    steps.push(Step {
        skip: programs.clone(),
        ..Step::cargo(
            "checks by systemd and nginx",
            &[&unit[..], &[BY_PROGRAMS]].concat(),
        )
    });
    steps.push(Step {
        skip: programs.clone(),
        ..step_of("bundle tests", &BUNDLE)
    });
    let foreign = (!machine::can_cross()).then(|| "needs Linux on x86_64".to_owned());
    steps.push(Step {
        skip: foreign.or(booted.clone()),
        ..step_of("aarch64 bundle", &[ARM])
    });
    steps.push(Step {
        skip: booted,
        turn: Turn::Alone,
        ..threads("1", step_of("system test", &[SYSTEM]))
    });
    steps
}

/// The integration tests of these names; cargo itself fails if no package has one of them.
fn step_of(name: &'static str, tests: &[&str]) -> Step {
    let mut step = Step::cargo(name, &["test", "--workspace", "--no-fail-fast"]);
    for test in tests {
        step.command.args(["--test", test]);
    }
    step
}

/// So many tests at a time.
fn threads(count: &str, mut step: Step) -> Step {
    step.command.args(["--", "--test-threads", count]);
    step
}

fn checks(project: &Project) -> Vec<Step> {
    let clippy = "clippy --workspace --all-targets -- -D warnings";
    let clippy: Vec<_> = clippy.split(' ').collect();
    let mut fuzz = Step::cargo("fuzz targets", &["check", "--locked", "--manifest-path"]);
    // The same target directory: its dependencies are the workspace's.
    fuzz.command
        .arg(project.root.join("fuzz/Cargo.toml"))
        .arg("--target-dir")
        .arg(project.target_folder());
    vec![
        Step::cargo("format", &["fmt", "--all", "--check"]),
        Step::cargo("clippy", &clippy),
        fuzz,
    ]
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

/// Every integration test without a step of its own.
fn integration_tests(project: &Project) -> Step {
    let own: BTreeSet<&str> = [&RECOVERY[..], &BUNDLE, &[ARM, SYSTEM]]
        .concat()
        .into_iter()
        .collect();
    let names = project.test_targets().map(|target| target.name.as_str());
    let names: BTreeSet<&str> = names.filter(|name| !own.contains(name)).collect();
    step_of("integration tests", &Vec::from_iter(names))
}
