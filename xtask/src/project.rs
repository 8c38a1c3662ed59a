//! The workspace of this task, its settings, and the workspace of the server.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand, Package, Target};
use flipless_settings::Config;

use crate::{tools, ui};

/// The workspace and its settings.
pub struct Project {
    /// The workspace's folder.
    pub root: PathBuf,
    /// The configuration file, absolute.
    pub config_file: PathBuf,
    /// The folder of the configuration file. Paths in the file are relative to this folder.
    pub config_folder: PathBuf,
    /// `flipless.toml`, with the environment's overrides.
    pub config: Config,
    own: Workspace,
    /// The workspace of the server, if it is another workspace.
    elsewhere: Option<Workspace>,
}

/// A workspace: packages that cargo builds together.
pub struct Workspace {
    /// The `Cargo.toml` that is passed to cargo.
    pub cargo_toml: PathBuf,
    /// The folder in which cargo runs, so that cargo finds this folder's `.cargo/config.toml` (registries,
    /// vendored sources). `None` means the current directory.
    pub folder: Option<PathBuf>,
    metadata: Metadata,
}

impl Project {
    /// Reads the settings in the same way as `build.rs`, and asks cargo for the packages. `config` is relative
    /// to the current directory, and takes precedence over `FLIPLESS_CONFIG`.
    ///
    /// # Errors
    /// If the settings are invalid, or cargo can't read a workspace.
    pub fn load(config: Option<&Path>) -> Result<Self> {
        let root = root();
        let (file, config) = read_config(config, &root)?;
        let folder = file.parent().unwrap_or(&root).to_owned();
        let elsewhere = match &config.server.manifest {
            Some(manifest) => Some(Workspace::elsewhere(&folder.join(manifest.as_str()))?),
            None => None,
        };
        Ok(Self {
            own: Workspace::load(root.join("Cargo.toml"), None)?,
            config_folder: folder,
            root,
            config_file: file,
            config,
            elsewhere,
        })
    }

    /// The same project, whose paths are relative to the folder of the file at `config`.
    pub fn relative_to(mut self, config: &Path) -> Self {
        self.config_folder = config.parent().unwrap_or(&self.root).to_owned();
        self
    }

    /// The folder whose commit the manifest names: that of the server's source, or of the files of a server that
    /// `dist` does not build.
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

    /// The integration tests of all packages.
    pub fn test_targets(&self) -> impl Iterator<Item = &Target> {
        let packages = self.own.metadata.packages.iter();
        let targets = packages.flat_map(|package| &package.targets);
        targets.filter(|target| target.is_test())
    }
}

impl Workspace {
    fn load(cargo_toml: PathBuf, folder: Option<PathBuf>) -> Result<Self> {
        let mut command = MetadataCommand::new();
        command.manifest_path(&cargo_toml).no_deps();
        if let Some(folder) = &folder {
            command.current_dir(folder);
        }
        let metadata = command
            .exec()
            .with_context(|| format!("cargo cannot read {}", cargo_toml.display()))?;
        Ok(Self {
            cargo_toml,
            folder,
            metadata,
        })
    }

    /// The workspace that `[server] manifest` names.
    fn elsewhere(cargo_toml: &Path) -> Result<Self> {
        let found = cargo_toml.canonicalize().map_err(|error| {
            ui::advised(
                format!("cannot find {}: {error}", cargo_toml.display()),
                ["set `[server] manifest` to the path of a Cargo.toml, relative to flipless.toml"],
            )
        })?;
        ensure!(
            found.is_file(),
            "`[server] manifest` names a folder, {}; name the Cargo.toml in this folder",
            found.display()
        );
        let folder = found.parent().map(Path::to_owned);
        Self::load(found, folder)
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
    fn only_package(&self) -> Result<&Package> {
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

    fn choose(&self, message: String) -> anyhow::Error {
        let packages = self.metadata.packages.iter();
        let names: Vec<_> = packages.map(|package| package.name.as_str()).collect();
        let names = names.join(", ");
        let hint = format!("set `[server] package` in flipless.toml to one of: {names}");
        ui::advised(message, [hint])
    }
}

/// The configuration file: that of `--config`, or else that of `FLIPLESS_CONFIG`, or else the project's own, which
/// may not exist.
fn config_path(config: Option<&Path>, root: &Path) -> Result<PathBuf> {
    if let Some(path) = config {
        return Ok(std::path::absolute(path)?);
    }
    let Some(name) = tools::variable("FLIPLESS_CONFIG") else {
        return Ok(root.join("flipless.toml"));
    };
    let path = root.join(&name);
    ensure!(
        path.exists(),
        "FLIPLESS_CONFIG={}: {} does not exist",
        name.display(),
        path.display()
    );
    Ok(path)
}

/// The path and the content of `flipless.toml`, with overrides from environment variables.
///
/// # Errors
/// If the file is named and does not exist, or if it is invalid.
fn read_config(config: Option<&Path>, root: &Path) -> Result<(PathBuf, Config)> {
    let path = config_path(config, root)?;
    let front = env::var("FLIPLESS_FRONT").ok();
    let config = Config::load(&path)?
        .with_front_mode(front.as_deref())
        .map_err(anyhow::Error::msg)?;
    Ok((path, config))
}

/// The workspace's folder, from the variable that `cargo run` sets, or else from the time of compilation.
pub fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let xtask = package.filter(|folder| folder.ends_with("xtask"));
    let xtask = xtask.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    xtask.parent().unwrap_or(&xtask).to_owned()
}
