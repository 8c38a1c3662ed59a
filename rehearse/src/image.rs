//! The root file system of an instance: a Debian suite, which is built once and kept, or a directory.

mod build;
mod error;
pub mod model;
mod source;

use std::path::{Path, PathBuf};

pub use error::ImageError;
pub use source::{Source, Suite};

/// A root file system from which machines can boot.
#[derive(Debug, Clone)]
pub struct Image {
    /// The name of its source, for messages.
    pub name: String,
    /// The overlay's lower directory.
    pub root: PathBuf,
    /// Whether EB's parts are missing. Each machine then adds them before its first boot.
    pub bare: bool,
}

impl Image {
    /// Returns the image of `source`. Builds the image of a suite below `store` (normally
    /// `target/rehearse/images`) unless it exists.
    ///
    /// # Errors
    /// If the directory lacks systemd, nginx or unzip, or if the build fails.
    pub fn obtain(source: &Source, store: &Path) -> Result<Self, ImageError> {
        match source {
            Source::Suite(suite) => Self::with_packages(*suite, &[], store),
            Source::Directory(path) => from_directory(path),
        }
    }

    /// Returns the image of a suite that also has these Debian packages. Their programs are real, not placeholders.
    ///
    /// # Errors
    /// If the build fails.
    pub fn with_packages(
        suite: Suite,
        packages: &[&str],
        store: &Path,
    ) -> Result<Self, ImageError> {
        Ok(Self {
            name: suite.name().to_owned(),
            root: build::obtain(suite, packages, store)?,
            bare: false,
        })
    }
}

/// The files that a directory must have, each with its package.
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
        assert!(image.bare, "EB's parts are missing");
    }

    #[test]
    fn an_unknown_name_is_refused() {
        let error = "buster".parse::<Source>().unwrap_err();
        assert_eq!(
            error,
            "buster is neither bookworm, trixie or forky, nor a directory"
        );
    }
}
