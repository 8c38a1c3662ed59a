//! The origin of a bundle: its commit and its compiler, and the version of glibc that it needs.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::bundle::{Bundle, Content};
use crate::{tools, ui};

/// The part of the manifest about the build. The zip contains nothing of this part, so a commit without an effect on
/// the files changes no byte of the zip.
#[derive(Debug, Clone, Serialize)]
pub struct Provenance {
    /// The commit of the server's repository; none without git or without a repository.
    pub git: Option<Git>,
    /// The version of flipless.
    pub flipless: &'static str,
    /// The output of `rustc --version`, for the compiler that cargo uses.
    pub rustc: String,
    /// The newest symbol version of glibc that an executable needs; none if no executable needs glibc.
    pub glibc: Option<String>,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Git {
    /// Its full hash.
    pub commit: String,
    /// Whether the working tree contains uncommitted changes or new files.
    pub dirty: bool,
}

impl Provenance {
    /// Asks git for the commit of `folder`, and the compiler for its version. Warns if there is no commit, or if the
    /// working tree has changes.
    ///
    /// # Errors
    /// If the compiler can't be run.
    pub fn of(folder: &Path, bundle: &Bundle) -> Result<Self> {
        let git = git(folder);
        match &git {
            None => ui::warning("found no git commit: the manifest will not contain one"),
            Some(Git { dirty: true, .. }) => {
                ui::warning(
                    "the working tree has uncommitted changes: the manifest will say `dirty`",
                );
            }
            Some(_) => {}
        }
        Ok(Self {
            git,
            flipless: env!("CARGO_PKG_VERSION"),
            rustc: tools::output(tools::rustc().arg("--version"))?,
            glibc: newest_glibc(bundle),
        })
    }
}

/// Returns the commit of the repository that contains `folder`.
fn git(folder: &Path) -> Option<Git> {
    let ask = |words: &[&str]| {
        let mut git = tools::git();
        tools::output(git.arg("-C").arg(folder).args(words)).ok()
    };
    let commit = ask(&["rev-parse", "--verify", "HEAD"])?;
    // Without optional locks, git does not disturb other git processes in the repository (git(1)).
    let changes = ask(&["--no-optional-locks", "status", "--porcelain"])?;
    Some(Git {
        commit,
        dirty: !changes.is_empty(),
    })
}

fn newest_glibc(bundle: &Bundle) -> Option<String> {
    let versions = bundle
        .entries
        .iter()
        .filter_map(|entry| match &entry.content {
            Content::Elf(elf) => elf.glibc.last().map(|(version, _)| version),
            _ => None,
        });
    versions.max().map(|version| version.name().to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn run(folder: &Path, words: &[&str]) {
        let mut git = tools::git();
        git.arg("-C").arg(folder).args(words);
        for (name, value) in [
            ("GIT_AUTHOR_NAME", "a"),
            ("GIT_AUTHOR_EMAIL", "a@example.org"),
            ("GIT_COMMITTER_NAME", "a"),
            ("GIT_COMMITTER_EMAIL", "a@example.org"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ] {
            git.env(name, value);
        }
        tools::output(&mut git).unwrap();
    }

    #[test]
    fn a_commit_is_named_and_uncommitted_changes_make_it_dirty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert_eq!(git(path), None, "no repository");
        run(path, &["init", "--quiet"]);
        assert_eq!(git(path), None, "no commit");
        std::fs::write(path.join("file"), "1").unwrap();
        run(path, &["add", "file"]);
        run(path, &["commit", "--quiet", "--message", "first"]);
        let clean = git(path).unwrap();
        assert_eq!((clean.commit.len(), clean.dirty), (40, false));
        std::fs::write(path.join("file"), "2").unwrap();
        assert!(git(path).unwrap().dirty, "changed");
        run(path, &["commit", "--quiet", "--all", "--message", "second"]);
        std::fs::write(path.join("new"), "").unwrap();
        let new = git(path).unwrap();
        assert!(new.dirty && new.commit != clean.commit, "a new file");
    }
}
