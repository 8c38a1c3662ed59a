//! A project: its settings, the workspace of flipless, and the workspace of the server.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use cargo_metadata::Package;
use flipless_settings::Config;
use flipless_settings::config::BuildPath;

use crate::roots::Roots;
use crate::workspace::Workspace;
use crate::{tools, ui};

/// A project and its settings.
pub struct Project {
    /// The folder of flipless's workspace.
    pub root: PathBuf,
    /// The configuration file, absolute.
    pub config_file: PathBuf,
    /// The folder of the configuration file. Paths in the file are relative to this folder.
    pub config_folder: PathBuf,
    /// The settings in the file, with overrides from environment variables.
    pub config: Config,
    own: Workspace,
    /// The workspace of the server, if it is another workspace.
    elsewhere: Option<Workspace>,
}

impl Project {
    /// Reads the settings in the same way as `build.rs`, and asks cargo for the packages. `config` is relative
    /// to the current directory, and takes precedence over `FLIPLESS_CONFIG`.
    ///
    /// # Errors
    /// If the settings are missing or invalid, or cargo can't read a workspace.
    pub fn load(roots: &Roots, config: Option<&Path>) -> Result<Self> {
        let (file, config) = read_config(config, roots)?;
        let folder = file.parent().unwrap_or(&roots.project).to_owned();
        let elsewhere = match manifest(&config, roots) {
            Some(manifest) => Some(Workspace::elsewhere(&folder.join(manifest))?),
            None => None,
        };
        Ok(Self {
            own: Workspace::of_flipless(roots)?,
            config_folder: folder,
            root: roots.flipless.clone(),
            config_file: file,
            config,
            elsewhere,
        })
    }

    /// Makes the paths in the settings relative to the folder of the file at `config`.
    pub fn relative_to(mut self, config: &Path) -> Self {
        self.config_folder = config.parent().unwrap_or(&self.root).to_owned();
        self
    }

    /// Returns the folder whose commit the manifest names: the server's workspace, or the configuration file's
    /// folder if `dist` does not build the server.
    pub fn source_folder(&self) -> &Path {
        match self.config.server.command {
            Some(_) => &self.config_folder,
            None => self.server().root(),
        }
    }

    /// The default folder of the zip.
    pub fn dist_folder(&self) -> PathBuf {
        self.target_folder().join("dist")
    }

    /// Cargo's target directory.
    pub fn target_folder(&self) -> &Path {
        self.own.target_folder()
    }

    /// The workspace of flipless itself.
    pub fn own(&self) -> &Workspace {
        &self.own
    }

    /// The workspace that contains the server.
    pub fn server(&self) -> &Workspace {
        self.elsewhere.as_ref().unwrap_or(&self.own)
    }

    /// Whether the server is in another workspace.
    pub fn server_is_elsewhere(&self) -> bool {
        self.elsewhere.is_some()
    }

    /// The package that contains the server.
    ///
    /// # Errors
    /// If the package that the settings name does not exist. The hint lists the existing packages.
    pub fn server_package(&self) -> Result<&Package> {
        match (&self.config.server.package, &self.elsewhere) {
            (Some(name), _) => self.server().package(name.as_str()),
            (None, Some(workspace)) => workspace.only_package(),
            (None, None) => self.generator(),
        }
    }

    /// The root package. Its build script renders the platform tree. It also contains the demonstration server.
    ///
    /// # Errors
    /// If the workspace has no root package.
    pub fn generator(&self) -> Result<&Package> {
        self.own.package("flipless-demo")
    }
}

/// Returns the `Cargo.toml` of a server outside of flipless's workspace. In another project the default is the
/// `Cargo.toml` of this project. `None` if the server is in flipless's workspace, or if cargo does not build the
/// server.
fn manifest<'a>(config: &'a Config, roots: &Roots) -> Option<&'a str> {
    let own = !roots.is_flipless() && config.server.command.is_none();
    let named = config.server.manifest.as_ref().map(BuildPath::as_str);
    named.or(own.then_some("Cargo.toml"))
}

/// Returns the configuration file: the file of `--config`, or else of `FLIPLESS_CONFIG`, or else the project's own
/// file. In flipless's own repository this file may be missing.
fn config_path(config: Option<&Path>, roots: &Roots) -> Result<PathBuf> {
    if let Some(path) = config {
        return Ok(std::path::absolute(path)?);
    }
    let Some(name) = tools::variable("FLIPLESS_CONFIG") else {
        return own_config_path(roots);
    };
    let path = roots.project.join(&name);
    ensure!(
        path.exists(),
        "FLIPLESS_CONFIG={}: {} does not exist",
        name.display(),
        path.display()
    );
    Ok(path)
}

fn own_config_path(roots: &Roots) -> Result<PathBuf> {
    let path = roots.project.join("flipless.toml");
    match roots.is_flipless() || path.exists() {
        true => Ok(path),
        false => Err(ui::advised(
            format!("{} does not exist", path.display()),
            [
                "`cargo xtask init DIR` in a checkout of flipless writes it; `--config FILE` names another file",
            ],
        )),
    }
}

/// Returns the path and the content of `flipless.toml`, with overrides from environment variables.
///
/// # Errors
/// If a file that must exist is missing, or if the file is invalid.
fn read_config(config: Option<&Path>, roots: &Roots) -> Result<(PathBuf, Config)> {
    let path = config_path(config, roots)?;
    let front = env::var("FLIPLESS_FRONT").ok();
    let config = Config::load(&path)?
        .with_front_mode(front.as_deref())
        .map_err(anyhow::Error::msg)?;
    Ok((path, config))
}
