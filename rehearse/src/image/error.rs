//! Errors of images.

use std::io;
use std::path::PathBuf;

/// An error of an image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A directory lacks a file that every instance needs.
    #[error("{0} has no {1}\nhint: install {2} there")]
    Incomplete(PathBuf, &'static str, &'static str),
    /// mmdebstrap failed.
    #[error("the image {suite} could not be built\n{tail}\nhint: {hint}")]
    Build {
        /// The suite.
        suite: &'static str,
        /// The last lines that mmdebstrap printed.
        tail: String,
        /// A hint.
        hint: &'static str,
    },
    /// A file can't be written or read.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
}
