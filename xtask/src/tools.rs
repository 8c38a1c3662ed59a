//! Calls to other programs.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Debian's folders with programs for root.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/// Returns a call of the cargo that runs this task, so that every call uses the same toolchain.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
}

/// Returns a call of the compiler that cargo uses.
pub fn rustc() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()))
}

/// Returns a call of a program on PATH.
pub fn command(program: &str) -> Command {
    Command::new(program)
}

/// Returns a call of git, for questions about a folder. In a git hook, environment variables name the hook's repository
/// (githooks(5)) and take precedence over a folder. So this function removes these variables. It keeps variables with
/// configuration, such as `safe.directory`, as git does for a submodule.
pub fn git() -> Command {
    let mut git = command("git");
    let names = output(command("git").args(["rev-parse", "--local-env-vars"]));
    for name in names.unwrap_or_default().lines() {
        if !name.starts_with("GIT_CONFIG_") {
            git.env_remove(name);
        }
    }
    git
}

/// Returns the path at which a shell finds `program`.
pub fn on_path(program: &str) -> Option<PathBuf> {
    which::which(program).ok()
}

/// Returns the path of `program` on PATH or in a folder that a user's PATH may lack. Call the program by this path.
pub fn installed(program: &str) -> Option<PathBuf> {
    let system = || env::join_paths(SYSTEM_FOLDERS).ok();
    on_path(program).or_else(|| which::which_in_global(program, system()).ok()?.next())
}

/// Runs a command that must succeed. Returns its standard output, trimmed.
///
/// # Errors
/// If the command can't be started or fails. The error contains its standard error.
pub fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run `{program}`"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{program}` failed ({}): {}", output.status, stderr.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether the command starts and succeeds.
pub fn succeeds(command: &mut Command) -> bool {
    output(command).is_ok()
}

/// The value of an environment variable, if the variable is set and not empty.
pub fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_an_executable_is_found_as_a_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        std::fs::write(&path, "").unwrap();
        let name = path.to_str().unwrap();
        assert_eq!(installed(name), None, "no exec bit");
        assert!(installed("sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(installed("no-such-program"), None);
    }

    #[test]
    fn git_does_not_see_the_repository_of_a_running_hook() {
        let git = git();
        let removed = |name: &str| git.get_envs().any(|change| change == (name.as_ref(), None));
        for name in [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_COMMON_DIR",
        ] {
            assert!(removed(name), "{name}");
        }
        for name in ["GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"] {
            assert!(!removed(name), "{name}");
        }
    }
}
