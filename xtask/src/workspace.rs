//! A workspace of cargo.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand, Package, Target};

use crate::roots::Roots;
use crate::{tools, ui};

/// The variable for cargo's target directory.
const TARGET: &str = "CARGO_TARGET_DIR";

/// A workspace: packages that cargo builds together.
pub struct Workspace {
    /// The `Cargo.toml` that is passed to cargo.
    pub cargo_toml: PathBuf,
    /// The folder in which cargo runs. cargo reads the `.cargo/config.toml` of this folder, for example for registries
    /// and vendored sources. `None` means the current directory.
    pub folder: Option<PathBuf>,
    /// Whether the lock file must not change, because the workspace belongs to another project.
    pub locked: bool,
    /// The target directory, if it differs from cargo's choice.
    target: Option<PathBuf>,
    metadata: Metadata,
}

impl Workspace {
    /// The workspace of flipless itself. Another project builds this workspace in the project's own target
    /// directory, and does not change flipless's lock file.
    ///
    /// # Errors
    /// If cargo can't read the workspace.
    pub fn of_flipless(roots: &Roots) -> Result<Self> {
        let cargo_toml = roots.flipless.join("Cargo.toml");
        match roots.is_flipless() {
            true => Self::load(cargo_toml, None, None),
            false => Ok(Self {
                locked: true,
                ..Self::load(cargo_toml, None, Some(target_folder(&roots.project)?))?
            }),
        }
    }

    fn load(cargo_toml: PathBuf, folder: Option<PathBuf>, target: Option<PathBuf>) -> Result<Self> {
        let mut command = MetadataCommand::new();
        command.manifest_path(&cargo_toml).no_deps();
        if let Some(folder) = &folder {
            command.current_dir(folder);
        }
        if let Some(target) = &target {
            command.env(TARGET, target);
        }
        let metadata = command
            .exec()
            .with_context(|| format!("cargo cannot read {}", cargo_toml.display()))?;
        Ok(Self {
            cargo_toml,
            folder,
            locked: false,
            target,
            metadata,
        })
    }

    /// The workspace that `[server] manifest` names.
    ///
    /// # Errors
    /// If the path names no file, or if cargo can't read the workspace.
    pub fn elsewhere(cargo_toml: &Path) -> Result<Self> {
        let found = cargo_toml.canonicalize().map_err(|error| {
            ui::advised(
                format!("cannot find {}: {error}", cargo_toml.display()),
                ["set `[server] manifest` to the path of a Cargo.toml, relative to flipless.toml"],
            )
        })?;
        ensure!(
            found.is_file(),
            "`[server] manifest` is a folder, {}; set it to the Cargo.toml in this folder",
            found.display()
        );
        let folder = found.parent().map(Path::to_owned);
        Ok(Self {
            locked: true,
            ..Self::load(found, folder, None)?
        })
    }

    /// Adds the arguments and variables with which cargo works on this workspace.
    pub fn select(&self, cargo: &mut Command) {
        cargo.arg("--manifest-path").arg(&self.cargo_toml);
        if self.locked {
            cargo.arg("--locked");
        }
        if let Some(folder) = &self.folder {
            cargo.current_dir(folder);
        }
        if let Some(target) = &self.target {
            cargo.env(TARGET, target);
        }
    }

    /// The workspace's folder, which contains the lock file.
    pub fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// The folder in which cargo starts to look for its configuration; cargo also looks in the folders above.
    ///
    /// # Errors
    /// If the current directory no longer exists.
    pub fn config_folder(&self) -> Result<PathBuf> {
        match &self.folder {
            Some(folder) => Ok(folder.clone()),
            None => env::current_dir().context("the current directory no longer exists"),
        }
    }

    /// Cargo's target directory for this workspace.
    pub fn target_folder(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// The packages of the workspace.
    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.metadata.packages.iter()
    }

    /// The package of the `Cargo.toml`, if the file has one.
    pub fn root_package(&self) -> Option<&Package> {
        self.metadata.root_package()
    }

    /// A package of the workspace.
    ///
    /// # Errors
    /// If there is no package with this name. The hint lists the existing packages.
    pub fn package(&self, name: &str) -> Result<&Package> {
        let mut packages = self.metadata.packages.iter();
        packages
            .find(|package| package.name.as_str() == name)
            .ok_or_else(|| self.choose(format!("the workspace has no package `{name}`")))
    }

    /// The package of the `Cargo.toml`, or else the only package of the workspace.
    ///
    /// # Errors
    /// If there are several packages. The hint lists them.
    pub fn only_package(&self) -> Result<&Package> {
        if let Some(package) = self.metadata.root_package() {
            return Ok(package);
        }
        match self.metadata.packages.as_slice() {
            [package] => Ok(package),
            _ => {
                let path = self.cargo_toml.display();
                Err(self.choose(format!("which package of {path} contains the server?")))
            }
        }
    }

    /// The integration tests of all packages.
    pub fn test_targets(&self) -> impl Iterator<Item = &Target> {
        let packages = self.metadata.packages.iter();
        let targets = packages.flat_map(|package| &package.targets);
        targets.filter(|target| target.is_test())
    }

    fn choose(&self, message: String) -> anyhow::Error {
        let packages = self.metadata.packages.iter();
        let names: Vec<_> = packages.map(|package| package.name.as_str()).collect();
        let names = names.join(", ");
        let hint = format!("set `[server] package` in flipless.toml to one of: {names}");
        ui::advised(message, [hint])
    }
}

/// Returns the target directory of a project. If the project has a `Cargo.toml`, this is cargo's target directory. If
/// not, it is `CARGO_TARGET_DIR`, or else `target`.
///
/// # Errors
/// If cargo can't read the project's `Cargo.toml`.
pub fn target_folder(project: &Path) -> Result<PathBuf> {
    let cargo_toml = project.join("Cargo.toml");
    if cargo_toml.exists() {
        let workspace = Workspace::load(cargo_toml, Some(project.to_owned()), None)?;
        return Ok(workspace.target_folder().to_owned());
    }
    let named = tools::variable(TARGET).unwrap_or("target".into());
    Ok(project.join(named))
}
