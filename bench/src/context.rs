//! Resources that all measurements share: folders, and the programs of a bundle.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, ensure};
use rehearse::interruption::Scratch;

use crate::process;

/// Resources that all measurements share.
pub struct Context {
    /// How many times to measure both sides.
    pub runs: u32,
    /// A folder for this run, on the disk of the target directory.
    pub scratch: Scratch,
    bundle: OnceLock<PathBuf>,
}

impl Context {
    /// Makes a folder for this run.
    ///
    /// # Errors
    /// If the target directory can't be written to.
    pub fn new(runs: u32) -> anyhow::Result<Self> {
        let parent = workspace().join("target");
        fs::create_dir_all(&parent)?;
        let scratch = Scratch::make(&parent, &format!("bench-{}-", std::process::id()))?;
        let bundle = OnceLock::new();
        Ok(Self {
            runs,
            scratch,
            bundle,
        })
    }

    /// Calls `measure` once for each run, with the number of the run.
    ///
    /// # Errors
    /// The first error of `measure`.
    pub fn each_run<T, E>(&self, measure: impl FnMut(u32) -> Result<T, E>) -> Result<Vec<T>, E> {
        (0..self.runs).map(measure).collect()
    }

    /// Returns the path of the project's bundle. The first call builds the bundle.
    ///
    /// # Errors
    /// If the bundle can't be built.
    pub fn bundle(&self) -> anyhow::Result<&Path> {
        if let Some(bundle) = self.bundle.get() {
            return Ok(bundle);
        }
        let out = self.scratch.path().join("bundle");
        let zip = process::stdout(dist().arg("--out").arg(&out))?;
        Ok(self.bundle.get_or_init(|| zip.trim().into()))
    }

    /// Returns the path of a program as `dist` ships it.
    ///
    /// # Errors
    /// If the bundle can't be built or unpacked.
    pub fn shipped(&self, name: &str) -> anyhow::Result<PathBuf> {
        let bundle = self.bundle()?;
        let folder = self.scratch.path().join("unpacked");
        if !folder.exists() {
            let mut unzip = Command::new("unzip");
            process::stdout(unzip.arg("-q").arg(bundle).arg("-d").arg(&folder))?;
        }
        Ok(folder.join("bin").join(name))
    }
}

/// Returns the command `cargo xtask dist`, without further arguments.
pub fn dist() -> Command {
    let mut cargo = cargo();
    cargo.args(["xtask", "dist"]);
    cargo
}

/// Returns a command that runs cargo in the checkout of flipless.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(workspace());
    // cargo sets these variables for a program that it runs. The cargo that this program starts must not see them.
    for name in [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PKG_NAME",
    ] {
        cargo.env_remove(name);
    }
    cargo
}

/// Returns the folder of the checkout of flipless.
pub fn workspace() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// Builds a program of the workspace with the release profile, and returns its path.
///
/// # Errors
/// If cargo fails. cargo prints the reason itself.
pub fn built(package: &str, bin: &str) -> anyhow::Result<PathBuf> {
    let mut cargo = cargo();
    cargo.args([
        "build",
        "--quiet",
        "--release",
        "--package",
        package,
        "--bin",
        bin,
    ]);
    process::stdout(&mut cargo)?;
    let exe = std::env::current_exe().context("this program has no path")?;
    let path = exe.with_file_name(bin);
    ensure!(path.exists(), "cargo has not written {}", path.display());
    Ok(path)
}
