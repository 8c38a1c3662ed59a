//! The steps, in order: the quick ones first.

use cargo_metadata::Target;

use super::{Step, cargo, dependencies, machine};
use crate::project::Project;
use crate::tools;

/// Build real bundles, and take them apart.
const BUNDLE: [&str; 2] = ["bundle", "stand_in"];
/// Builds a bundle for the other processor, and runs what is in it.
const ARM: &str = "arm";
/// Boot real instances, and judge latencies.
const SYSTEM: [&str; 2] = ["instance", "scenarios"];
/// Boots real instances, and waits a lot: two at once. It judges no latency.
const RECOVERY: &str = "recovery";
/// Ask programs that a machine may lack.
const BY_PROGRAMS: &str = "check::tests::programs";
const AGENT: [&str; 5] = [
    "-p",
    "flipless",
    "--no-default-features",
    "--features",
    "agent",
];

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
    let linux = cfg!(target_os = "linux");
    let not_linux = (!linux).then(|| "needs Linux".to_owned());
    let lacking = (!missing.is_empty()).then(|| format!("not installed: {}", missing.join(" ")));
    let unprivileged = (!machine::is_root()).then(|| "needs root".to_owned());
    let mut steps = checks();
    steps.extend(dependencies::steps(project));
    steps.push(workflows(project, missing));
    let lacking_analyze = missing
        .contains(&"systemd")
        .then(|| "not installed: systemd".to_owned());
    steps.extend(tests(project, not_linux.clone().or(lacking_analyze)));
    steps.push(Step {
        skip: not_linux.clone().or(lacking.clone()),
        ..step(
            "checks by systemd and nginx",
            &["test", "-p", "xtask", "--bins", BY_PROGRAMS],
        )
    });
    steps.push(Step {
        skip: not_linux.clone().or(lacking.clone()),
        ..step(
            "bundle tests",
            &[
                "test", "-p", "flipless", "--test", BUNDLE[0], "--test", BUNDLE[1],
            ],
        )
    });
    let foreign = (!machine::can_cross()).then(|| "needs Linux on x86_64".to_owned());
    // mmdebstrap unpacks Debian's packages with their owners.
    steps.push(Step {
        skip: foreign.or(unprivileged.clone()).or(lacking.clone()),
        ..step("aarch64 bundle", &["test", "-p", "flipless", "--test", ARM])
    });
    let skip = not_linux.or(unprivileged).or(lacking);
    for (name, tests, threads) in [
        ("system test", &SYSTEM[..], "--test-threads=1"),
        ("recovery test", &[RECOVERY], "--test-threads=2"),
    ] {
        // cargo itself fails if there is no such test.
        let mut booted = step(name, &["test", "-p", "rehearse"]);
        for test in tests {
            booted.command.args(["--test", test]);
        }
        booted.command.args(["--", threads]);
        booted.skip.clone_from(&skip);
        steps.push(booted);
    }
    steps
}

fn step(name: &'static str, words: &[&str]) -> Step {
    Step {
        name,
        command: cargo(words),
        skip: None,
    }
}

fn checks() -> Vec<Step> {
    let deny = ["--all-targets", "--", "-D", "warnings"];
    vec![
        step("format", &["fmt", "--all", "--check"]),
        step("clippy", &[&["clippy", "--workspace"], &deny[..]].concat()),
        step(
            "clippy of the agent",
            &[&["clippy"], &AGENT[..], &deny[..]].concat(),
        ),
    ]
}

fn workflows(project: &Project, missing: &[&str]) -> Step {
    let lacking = missing.contains(&"python3-pip");
    let mut command = tools::command("sh");
    let folders = ["jactionlint-2.3.0", "zizmor-1.32.0"];
    let folders = folders.map(|name| project.target_folder().join(name));
    command.args(["-euc", WORKFLOWS]).args(folders);
    Step {
        name: "workflows",
        command,
        skip: lacking.then(|| "not installed: python3-pip".to_owned()),
    }
}

fn tests(project: &Project, cannot: Option<String>) -> Vec<Step> {
    let agent = [&["test"], &AGENT[..], &["--lib", "--bins"]].concat();
    let mut steps = vec![
        step(
            "unit tests",
            &[
                "test",
                "--workspace",
                "--lib",
                "--bins",
                "--",
                "--skip",
                BY_PROGRAMS,
            ],
        ),
        step("doc tests", &["test", "--workspace", "--doc"]),
    ];
    let mut agent = step("agent tests", &agent);
    let mut others = Step {
        skip: cannot,
        ..step(
            "integration tests",
            &["test", "--workspace", "--no-fail-fast"],
        )
    };
    let mut any = false;
    for target in project
        .test_targets()
        .filter(|target| !has_own_step(target))
    {
        // Tests of the agent need its features, which leave the server out.
        let of_agent = target
            .required_features
            .iter()
            .any(|feature| feature == "agent");
        any |= !of_agent;
        let step = if of_agent { &mut agent } else { &mut others };
        step.command.args(["--test", &target.name]);
    }
    steps.push(agent);
    steps.extend(any.then_some(others));
    steps
}

fn has_own_step(target: &Target) -> bool {
    let name = target.name.as_str();
    SYSTEM.contains(&name) || name == RECOVERY || BUNDLE.contains(&name) || name == ARM
}
