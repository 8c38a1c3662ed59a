//! The workspace this task belongs to, and its settings.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package, Target};

use crate::settings::Settings;
use crate::{tools, ui};

/// The workspace and its settings.
pub struct Project {
    /// The workspace's folder.
    pub root: PathBuf,
    /// The folder of `flipless.toml`: includes are relative to it.
    pub settings_folder: PathBuf,
    /// `flipless.toml`, with the environment's overrides.
    pub settings: Settings,
    metadata: Metadata,
}

impl Project {
    /// Reads the settings, the same way as `build.rs` does, and asks cargo for the packages.
    ///
    /// # Errors
    /// When the settings are not valid or cargo can't read the workspace.
    pub fn load() -> Result<Self> {
        let root = root();
        let path = settings_path(&root);
        let settings = settings(&root)?;
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .exec()
            .context("cargo can't read the workspace")?;
        Ok(Self {
            settings_folder: path.parent().unwrap_or(&root).to_owned(),
            root,
            settings,
            metadata,
        })
    }

    /// Where the zip goes unless told otherwise.
    pub fn dist_folder(&self) -> PathBuf {
        self.metadata.target_directory.join("dist").into()
    }

    /// Cargo's target directory.
    pub fn target_folder(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// The integration tests of all packages.
    pub fn test_targets(&self) -> impl Iterator<Item = &Target> {
        let targets = self
            .metadata
            .packages
            .iter()
            .flat_map(|package| &package.targets);
        targets.filter(|target| target.is_test())
    }

    /// A package of the workspace.
    ///
    /// # Errors
    /// When there is none of this name; the hint lists those there are.
    pub fn package(&self, name: &str) -> Result<&Package> {
        let packages = &self.metadata.packages;
        packages
            .iter()
            .find(|package| package.name.as_str() == name)
            .ok_or_else(|| {
                let names: Vec<_> = packages
                    .iter()
                    .map(|package| package.name.as_str())
                    .collect();
                ui::advised(
                    format!("the workspace has no package `{name}`"),
                    [format!(
                        "`[server] package` in flipless.toml names one of: {}",
                        names.join(", ")
                    )],
                )
            })
    }
}

fn settings_path(root: &Path) -> PathBuf {
    root.join(tools::variable("FLIPLESS_CONFIG").unwrap_or("flipless.toml".into()))
}

/// `flipless.toml`, with the environment's overrides.
///
/// # Errors
/// When it is not valid.
pub fn settings(root: &Path) -> Result<Settings> {
    let front = env::var("FLIPLESS_FRONT").ok();
    Settings::load(&settings_path(root))?
        .with_front_mode(front.as_deref())
        .map_err(anyhow::Error::msg)
}

/// The workspace's folder: as `cargo run` says, else as when this was compiled.
pub fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let xtask = manifest.filter(|folder| folder.ends_with("xtask"));
    let xtask = xtask.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    xtask.parent().unwrap_or(&xtask).to_owned()
}
