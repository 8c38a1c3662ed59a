//! The root file system of an instance: a Debian suite, built once and kept, or a directory.

mod build;
pub mod model;

pub(crate) use build::tail;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Which root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A Debian suite: `bookworm` has systemd 252, as Amazon Linux 2023 has.
    Suite(Suite),
    /// A root directory, say an Amazon Linux one; it is never written to.
    Directory(PathBuf),
}

/// The suites that are known to boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// systemd 252, nginx 1.22.
    Bookworm,
    /// systemd 257, nginx 1.26.
    Trixie,
    /// The newest systemd; nginx at least 1.28, as EB's.
    Forky,
}

impl Suite {
    /// Debian's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
            Self::Forky => "forky",
        }
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "bookworm" => Ok(Self::Suite(Suite::Bookworm)),
            "trixie" => Ok(Self::Suite(Suite::Trixie)),
            "forky" => Ok(Self::Suite(Suite::Forky)),
            path if Path::new(path).is_dir() => Ok(Self::Directory(path.into())),
            other => Err(format!(
                "{other} is neither bookworm, trixie, forky nor a directory"
            )),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Suite(suite) => formatter.write_str(suite.name()),
            Self::Directory(path) => path.display().fmt(formatter),
        }
    }
}

/// A root file system that machines can be booted from.
#[derive(Debug, Clone)]
pub struct Image {
    /// What it was made from, for people.
    pub name: String,
    /// The overlay's lower directory.
    pub root: PathBuf,
    /// EB's parts are not in it yet: each machine adds them before its first boot.
    pub bare: bool,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A directory that can't be an instance.
    #[error("{0} has no {1}\nhint: install {2} there")]
    Incomplete(PathBuf, &'static str, &'static str),
    /// mmdebstrap failed.
    #[error("the image {suite} could not be built\n{tail}\nhint: {hint}")]
    Build {
        /// Its suite.
        suite: &'static str,
        /// The last lines it printed.
        tail: String,
        /// What to do.
        hint: &'static str,
    },
    /// A file that can't be written or read.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
}

impl Image {
    /// The image of `source`; a suite's is built below `store` (normally `target/rehearse/images`)
    /// unless it's there.
    ///
    /// # Errors
    /// When the directory lacks systemd, nginx or unzip, or the build fails.
    pub fn obtain(source: &Source, store: &Path) -> Result<Self, ImageError> {
        match source {
            Source::Suite(suite) => build::obtain(*suite, store),
            Source::Directory(path) => from_directory(path),
        }
    }
}

/// What a directory must have, and the package that brings it.
const NEEDED: &[(&str, &str)] = &[
    ("usr/lib/systemd/systemd", "systemd"),
    ("usr/sbin/nginx", "nginx"),
    ("usr/bin/unzip", "unzip"),
];

fn from_directory(path: &Path) -> Result<Image, ImageError> {
    let root = path
        .canonicalize()
        .map_err(|error| ImageError::File(path.into(), error))?;
    for (file, package) in NEEDED {
        if !root.join(file).exists() {
            return Err(ImageError::Incomplete(root, file, package));
        }
    }
    let bare = !root.join(model::SETUP).exists();
    Ok(Image {
        name: path.display().to_string(),
        root,
        bare,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_directory_without_systemd_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let source: Source = folder.path().to_str().unwrap().parse().unwrap();
        let error = Image::obtain(&source, folder.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains("has no usr/lib/systemd/systemd"), "{error}");
        assert!(error.contains("hint: install systemd there"), "{error}");
    }

    #[test]
    fn a_directory_that_lacks_a_program_is_refused_with_its_package() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::Directory(folder.path().to_owned());
        for (file, package) in [
            ("usr/lib/systemd/systemd", "systemd"),
            ("usr/sbin/nginx", "nginx"),
            ("usr/bin/unzip", "unzip"),
        ] {
            let error = Image::obtain(&source, folder.path()).unwrap_err();
            let hint = format!("has no {file}\nhint: install {package} there");
            assert!(error.to_string().ends_with(&hint), "{error}");
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let image = Image::obtain(&source, folder.path()).unwrap();
        assert!(image.bare, "EB's parts are still to come");
    }

    #[test]
    fn an_unknown_name_is_refused() {
        let error = "buster".parse::<Source>().unwrap_err();
        assert_eq!(
            error,
            "buster is neither bookworm, trixie, forky nor a directory"
        );
    }
}
