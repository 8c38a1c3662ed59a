//! Questions to git about a repository.

use std::path::Path;
use std::process::Stdio;

use crate::tools;

/// Whether git does not ignore the path. False outside of a repository, and without git.
pub fn is_not(dir: &Path, path: &str) -> bool {
    let mut git = tools::git();
    git.arg("-C")
        .arg(dir)
        .args(["check-ignore", "--quiet", path]);
    let status = git.stdin(Stdio::null()).stderr(Stdio::null()).status();
    // git-check-ignore(1): 1 means that no pattern matches, 128 that git can't say.
    status.is_ok_and(|status| status.code() == Some(1))
}
