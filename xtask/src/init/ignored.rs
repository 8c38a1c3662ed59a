//! Questions to git about a repository.

use std::path::Path;
use std::process::Stdio;

use crate::tools;

/// Whether `dir` is in a git repository that does not ignore the path. False if git is not installed.
pub fn is_not(dir: &Path, path: &str) -> bool {
    let mut git = tools::git();
    git.arg("-C")
        .arg(dir)
        .args(["check-ignore", "--quiet", path]);
    let status = git.stdin(Stdio::null()).stderr(Stdio::null()).status();
    // git-check-ignore(1): 1 means that git does not ignore the path; 128 is a fatal error, for example outside of a
    // repository.
    status.is_ok_and(|status| status.code() == Some(1))
}
