//! The source of an image.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The root file system of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A Debian suite: `bookworm` has systemd 252, as Amazon Linux 2023 has.
    Suite(Suite),
    /// A root directory, for example of Amazon Linux. A rehearsal never writes to it.
    Directory(PathBuf),
}

/// The suites that are known to boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// systemd 252, nginx 1.22.
    Bookworm,
    /// systemd 257, nginx 1.26.
    Trixie,
    /// The newest systemd, and nginx 1.28 (EB's version) or newer.
    Forky,
}

impl Suite {
    /// Debian's name of the suite.
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
                "{other} is neither bookworm, trixie or forky, nor a directory"
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
