//! Where a bundle comes from: commit, compiler, and the glibc that it asks for.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::bundle::{Bundle, Content};
use crate::{tools, ui};

/// What the manifest says of a bundle's making. Nothing of it is in the zip: a commit that changes
/// nothing changes no byte.
#[derive(Debug, Clone, Serialize)]
pub struct Provenance {
    /// The server's repository; none where there is no git, or no repository.
    pub git: Option<Git>,
    /// The version of flipless.
    pub flipless: &'static str,
    /// `rustc --version` of the compiler that cargo uses.
    pub rustc: String,
    /// The newest symbol version of glibc that an executable needs; none if none needs any.
    pub glibc: Option<String>,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Git {
    /// Its full hash.
    pub commit: String,
    /// Whether there were changes, or new files, beside it.
    pub dirty: bool,
}

impl Provenance {
    /// Asks git in `folder`, the server's, and the compiler.
    ///
    /// # Errors
    /// When there is no compiler.
    pub fn of(folder: &Path, bundle: &Bundle) -> Result<Self> {
        let git = git(folder);
        match &git {
            None => ui::warning("no git commit is known: the manifest names none"),
            Some(Git { dirty: true, .. }) => {
                ui::warning("there are uncommitted changes: the manifest says `dirty`");
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

/// The commit of the repository that `folder` is in.
fn git(folder: &Path) -> Option<Git> {
    let ask = |words: &[&str]| {
        let mut git = tools::git();
        tools::output(git.arg("-C").arg(folder).args(words)).ok()
    };
    let commit = ask(&["rev-parse", "--verify", "HEAD"])?;
    // No line for each file of a new folder; locks of others are not waited for.
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
    fn a_commit_is_named_and_whether_it_is_all_there_is() {
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
