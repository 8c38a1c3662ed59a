//! Where another repository gets flipless from: a path, or a commit of a git repository.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use super::args::Args;
use crate::{tools, ui};

/// The source of a dependency.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// The folder of a checkout.
    Path(PathBuf),
    /// A commit.
    Git {
        /// The repository.
        url: String,
        /// The commit.
        rev: String,
    },
}

impl Source {
    /// Returns the source that the options name. Without these options, an existing package keeps its source
    /// (`None`), and a new package gets the checkout's commit in its git remote, or else the checkout's path.
    ///
    /// # Errors
    /// If the commit is unknown.
    pub fn choose(args: &Args, flipless: &Path, exists: bool) -> Result<Option<Self>> {
        if args.path {
            return Ok(Some(Self::Path(flipless.to_owned())));
        }
        let named = args.git.is_some() || args.rev.is_some();
        if exists && !named {
            return Ok(None);
        }
        let url = args.git.clone().or_else(|| remote(flipless));
        let head = || git(flipless, &["rev-parse", "--verify", "HEAD"]);
        let rev = args.rev.clone().or_else(head);
        match (url, rev) {
            (Some(_), Some(_)) if !named && !is_published(flipless) => Ok(Some(Self::fallback(
                flipless,
                "no branch of a git remote contains the checkout's commit",
            ))),
            (Some(url), Some(rev)) => Ok(Some(Self::at(flipless, &url, rev, args.rev.is_none()))),
            _ if named => Err(ui::advised(
                format!(
                    "{} is no git repository with a remote and a commit",
                    flipless.display()
                ),
                ["name both with `--git URL --rev COMMIT`, or pass --path"],
            )),
            _ => Ok(Some(Self::fallback(
                flipless,
                "the checkout has no git remote",
            ))),
        }
    }

    fn fallback(flipless: &Path, why: &str) -> Self {
        ui::warning(format!(
            "the dependency is the path {}, because {why}; the path exists only on this machine",
            flipless.display()
        ));
        ui::hint("`--git URL --rev COMMIT` names a commit in a repository");
        Self::Path(flipless.to_owned())
    }

    fn at(flipless: &Path, url: &str, rev: String, is_head: bool) -> Self {
        let changes = || git(flipless, &["--no-optional-locks", "status", "--porcelain"]);
        if is_head && changes().is_some() {
            ui::warning("this checkout has uncommitted changes: the dependency will lack them");
        }
        let url = for_cargo(url, flipless);
        Self::Git { url, rev }
    }

    /// Returns the keys of a dependency on the package in `folder` of flipless, for a `Cargo.toml` in `from`.
    pub fn keys(&self, folder: &str, from: &Path) -> Vec<(&'static str, String)> {
        match self {
            Self::Path(flipless) => {
                let path = relative(from, &flipless.join(folder));
                vec![("path", path.display().to_string())]
            }
            Self::Git { url, rev } => vec![("git", url.clone()), ("rev", rev.clone())],
        }
    }
}

/// Returns the address of the current branch's remote, or else of the first remote.
fn remote(flipless: &Path) -> Option<String> {
    let upstream = git(flipless, &["rev-parse", "--abbrev-ref", "@{upstream}"]);
    let upstream = upstream.and_then(|name| Some(name.split_once('/')?.0.to_owned()));
    let first = || {
        git(flipless, &["remote"])?
            .lines()
            .next()
            .map(str::to_owned)
    };
    git(flipless, &["remote", "get-url", &upstream.or_else(first)?])
}

/// Whether the commit of the checkout is on a branch of a remote, or has a tag. A clone of a single tag has no branch
/// of the remote.
fn is_published(flipless: &Path) -> bool {
    let branches = || git(flipless, &["branch", "--remotes", "--contains", "HEAD"]);
    let tags = || git(flipless, &["tag", "--points-at", "HEAD"]);
    branches().or_else(tags).is_some()
}

/// Returns the output of git; `None` if git fails or prints nothing.
fn git(folder: &Path, words: &[&str]) -> Option<String> {
    let mut git = tools::git();
    let answer = tools::output(git.arg("-C").arg(folder).args(words)).ok();
    answer.filter(|text| !text.is_empty())
}

/// Returns the address in the form that cargo accepts: a URL, without a password or token. git also accepts
/// `user@host:path` and paths (git-clone(1), "GIT URLS").
fn for_cargo(address: &str, flipless: &Path) -> String {
    if let Some((scheme, rest)) = address.split_once("://") {
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = match (scheme, host.rsplit_once('@')) {
            ("http" | "https", Some((_, host))) => host,
            _ => host,
        };
        return format!("{scheme}://{host}/{path}");
    }
    match address.split_once(':') {
        Some((host, path)) if !host.contains('/') => {
            format!("ssh://{host}/{}", path.trim_start_matches('/'))
        }
        _ => {
            let path = flipless.join(address);
            format!("file://{}", path.canonicalize().unwrap_or(path).display())
        }
    }
}

/// Returns the relative path from one folder to another, or the absolute path if they have no folder in common.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from.components().zip(to.components());
    let common = common.take_while(|(one, other)| one == other).count();
    if common < 2 {
        return to.to_owned();
    }
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}

#[cfg(test)]
mod tests;
