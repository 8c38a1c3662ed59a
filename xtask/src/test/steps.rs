//! The steps, in order: the quick ones first.
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
const RECOVERY: [&str; 2] = ["instance", "recovery"];

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
    let reasons = Reasons::of(missing);
    let mut steps = checks(project);
    steps.extend(dependencies::steps(project));
    steps.push(workflows(project, missing));
    steps.push(unit_tests("unit tests", &["--skip", BY_PROGRAMS]));
    // What they need is compiled by now.
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
        ..threads("1", step_of("system test", &[SYSTEM]))
    });
    steps
}

/// Those that wait much, for instances or for packages: the steps that compile run beside them.
fn beside(reasons: &Reasons) -> [Step; 2] {
    let foreign = (!machine::can_cross()).then(|| "needs Linux on x86_64".to_owned());
    [
        Step {
            skip: reasons.booted.clone(),
            turn: Turn::Beside,
            ..threads("3", step_of("recovery test", &RECOVERY))
        },
        Step {
            skip: foreign.or(reasons.booted.clone()),
            turn: Turn::Beside,
            ..step_of("aarch64 bundle", &[ARM])
        },
    ]
}

/// Why this machine can't run some steps; none: it can.
struct Reasons {
    /// Those that call other programs.
    programs: Option<String>,
    /// Those that call systemd's.
    systemd: Option<String>,
    /// Those that boot an instance, or unpack Debian's packages with their owners.
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

/// The unit tests that these words of the test program choose.
fn unit_tests(name: &'static str, words: &[&str]) -> Step {
    let all = ["test", "--workspace", "--lib", "--bins", "--"];
    Step::cargo(name, &[&all, words].concat())
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
