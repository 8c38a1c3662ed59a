//! The folders that a task works in.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::ui;

/// The source of flipless, and the project whose bundle is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// The folder of flipless's workspace. For another project this is the source of its dependency on flipless: a
    /// checkout, or a clone that cargo has made.
    pub flipless: PathBuf,
    /// The folder of the project. It contains `flipless.toml`.
    pub project: PathBuf,
    /// The folder of another project's `xtask` package; `None` for flipless itself.
    pub package: Option<PathBuf>,
}

impl Roots {
    /// Returns the folders for flipless's own `xtask`. Its workspace is also the project.
    pub fn of_flipless() -> Self {
        let package = package().filter(|folder| folder.ends_with("xtask"));
        let root = parent(&package.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()));
        Self {
            flipless: root.clone(),
            project: root,
            package: None,
        }
    }

    /// Returns the folders for the `xtask` package of another project. cargo runs this package.
    ///
    /// # Errors
    /// If cargo does not run the package, or if the source of flipless is incomplete.
    pub fn of_project() -> Result<Self> {
        let package = package().ok_or_else(|| {
            ui::advised(
                "CARGO_MANIFEST_DIR is not set: cargo does not run this program",
                ["run it with `cargo xtask`"],
            )
        })?;
        let flipless = parent(Path::new(env!("CARGO_MANIFEST_DIR")));
        let templates = flipless.join("platform-templates");
        ensure_complete(&templates)?;
        Ok(Self {
            flipless,
            project: project_of(&package),
            package: Some(package),
        })
    }

    /// Whether the project is flipless itself.
    pub fn is_flipless(&self) -> bool {
        self.package.is_none()
    }
}

/// Returns the folder of the package that cargo runs.
fn package() -> Option<PathBuf> {
    env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from)
}

fn parent(folder: &Path) -> PathBuf {
    folder.parent().unwrap_or(folder).to_owned()
}

/// Returns the nearest folder above the package that contains `flipless.toml`, or else the parent folder.
fn project_of(package: &Path) -> PathBuf {
    let mut above = package.ancestors().skip(1);
    let found = above.find(|folder| folder.join("flipless.toml").exists());
    found.map_or_else(|| parent(package), Path::to_owned)
}

/// Fails if the source is incomplete. `cargo vendor` copies only the packages that a project depends on. So its copy
/// lacks the agent, the relay and the templates.
fn ensure_complete(templates: &Path) -> Result<()> {
    if templates.is_dir() {
        return Ok(());
    }
    let message = format!(
        "{} is missing: this copy of flipless is incomplete",
        templates.display()
    );
    let hint = "depend on the whole repository of flipless, by `git` or `path`; `cargo vendor` copies only a part";
    Err(ui::advised(message, [hint]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_project_is_the_nearest_folder_with_settings() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let package = root.join("tools/xtask");
        fs::create_dir_all(&package).unwrap();
        assert_eq!(project_of(&package), root.join("tools"));
        fs::write(root.join("flipless.toml"), "").unwrap();
        assert_eq!(project_of(&package), root);
    }

    #[test]
    fn a_part_of_flipless_is_not_enough() {
        let folder = tempfile::tempdir().unwrap();
        let templates = folder.path().join("platform-templates");
        let error = ensure_complete(&templates).unwrap_err();
        assert!(error.to_string().contains("is incomplete"), "{error}");
        fs::create_dir(&templates).unwrap();
        ensure_complete(&templates).unwrap();
    }
}
