//! The steps, in order: the quick ones first.

use cargo_metadata::Target;

use super::{Step, cargo, dependencies, machine};
use crate::project::Project;

/// Build real bundles, and take them apart.
const BUNDLE: [&str; 2] = ["bundle", "stand_in"];
/// Boots real instances.
const INSTANCE: &str = "instance";
const AGENT: [&str; 5] = [
    "-p",
    "flipless",
    "--no-default-features",
    "--features",
    "agent",
];

/// All steps; `missing` are the Debian packages that this machine lacks.
pub fn all(project: &Project, missing: &[&str]) -> Vec<Step> {
    let linux = cfg!(target_os = "linux");
    let not_linux = (!linux).then(|| "needs Linux".to_owned());
    let lacking = (!missing.is_empty()).then(|| format!("not installed: {}", missing.join(" ")));
    let unprivileged = (!machine::is_root()).then(|| "needs root".to_owned());
    let mut steps = checks();
    steps.extend(dependencies::steps(project));
    let lacking_analyze = missing
        .contains(&"systemd")
        .then(|| "not installed: systemd".to_owned());
    steps.extend(tests(project, not_linux.clone().or(lacking_analyze)));
    steps.push(Step {
        skip: not_linux.clone().or(lacking.clone()),
        ..step(
            "bundle tests",
            &[
                "test", "-p", "flipless", "--test", BUNDLE[0], "--test", BUNDLE[1],
            ],
        )
    });
    // cargo itself fails if there is no such test.
    steps.push(Step {
        skip: not_linux.or(unprivileged).or(lacking),
        ..step(
            "system test",
            &[
                "test",
                "-p",
                "rehearse",
                "--test",
                INSTANCE,
                "--",
                "--test-threads=1",
            ],
        )
    });
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

fn tests(project: &Project, cannot: Option<String>) -> Vec<Step> {
    let agent = [&["test"], &AGENT[..], &["--lib", "--bins"]].concat();
    let mut steps = vec![
        step("unit tests", &["test", "--workspace", "--lib", "--bins"]),
        step("doc tests", &["test", "--workspace", "--doc"]),
    ];
    let mut agent = step("agent tests", &agent);
    let mut others = Step {
        skip: cannot,
        ..step("integration tests", &["test", "--workspace"])
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
    name == INSTANCE || BUNDLE.contains(&name)
}
