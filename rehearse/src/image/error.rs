//! Why there is no image.

use std::io;
use std::path::PathBuf;

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
