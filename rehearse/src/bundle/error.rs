//! Errors of a bundle.

use std::io;

/// An error of a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file can't be read or written.
    #[error("{0}: {1}")]
    File(String, #[source] io::Error),
    /// A file is not a zip, or the zip is broken.
    #[error("{0}: {1}")]
    Zip(String, #[source] zip::result::ZipError),
    /// `cargo xtask dist` failed, or its output does not contain the bundle's path.
    #[error("`cargo xtask dist --json` {0}\nhint: pass a bundle with `--from ZIP`")]
    Dist(String),
}
