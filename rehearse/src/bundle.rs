//! The bundles of a rehearsal: `cargo xtask dist` builds them, or the rehearsal writes them.

mod error;
pub mod https;
pub mod settings;
mod writer;

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flipless_settings::{FrontMode, layout, nginx, unit_file};
use zip::ZipArchive;
use zip::result::ZipError;

pub use error::BundleError;
pub use writer::LINK;
use writer::{add, write};

/// Builds a bundle into `folder` with `cargo xtask dist`, and returns its path. Uses `config` or, without it, the
/// project's own `flipless.toml`. `front` overrides the front mode of this file. The user's own bundle in `target/dist`
/// stays unchanged.
pub fn build(
    front: Option<FrontMode>,
    config: Option<&Path>,
    folder: &Path,
) -> Result<PathBuf, BundleError> {
    let mut options: Vec<&OsStr> = Vec::new();
    if let Some(config) = config {
        options.extend([OsStr::new("--config"), config.as_os_str()]);
    }
    dist(&options, front, folder)
}

/// Makes a bundle in `folder` from a bundle without flipless, with `cargo xtask dist --wrap`.
pub fn wrap(source: &Path, folder: &Path) -> Result<PathBuf, BundleError> {
    dist(&["--wrap".as_ref(), source.as_os_str()], None, folder)
}

fn dist(
    options: &[&OsStr],
    front: Option<FrontMode>,
    folder: &Path,
) -> Result<PathBuf, BundleError> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let mut command = Command::new(cargo);
    // The alias `cargo xtask` works only inside the workspace.
    command
        .args(["run", "--quiet", "--manifest-path"])
        .arg(xtask())
        .args(["--", "dist", "--json", "--out"])
        .arg(folder)
        .args(options);
    // Keeps cargo quiet, because cargo's lines would hide the lines of the rehearsal
    // (https://doc.rust-lang.org/cargo/reference/config.html).
    command.env("CARGO_TERM_QUIET", "true");
    if let Some(front) = front {
        command.env("FLIPLESS_FRONT", front.name());
    }
    let failed = |error: &dyn std::fmt::Display| BundleError::Dist(format!("failed: {error}"));
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&output.status));
    }
    parse_dist(&output.stdout).ok_or_else(|| BundleError::Dist("printed no path of a zip".into()))
}

/// Returns the `Cargo.toml` of the `xtask` that builds the bundle. It belongs to the project that started the
/// rehearsal, or else to flipless.
fn xtask() -> PathBuf {
    let named = std::env::var_os("FLIPLESS_XTASK").map(PathBuf::from);
    named
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("xtask/Cargo.toml"))
}

fn parse_dist(json: &[u8]) -> Option<PathBuf> {
    let answer: serde_json::Value = serde_json::from_slice(json).ok()?;
    Some(answer.get("zip")?.as_str()?.into())
}

/// The differences between a copy of a bundle and its original.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// An entry to rename: old and new name.
    pub rename: Option<(&'a str, &'a str)>,
    /// Entries to add or replace: name, text and mode. The mode [`LINK`] makes a symbolic link, and the text is its
    /// target.
    pub files: &'a [(&'a str, &'a str, u32)],
}

/// Writes a copy of `original` with `changes`: another version of the same application.
pub fn changed(original: &Path, copy: &Path, changes: &Changes) -> Result<(), BundleError> {
    let mut archive = open(original)?;
    write(copy, |writer| {
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index)?;
            let name = entry.name()?.into_owned();
            match changes.rename {
                Some((from, to)) if from == name => writer.raw_copy_file_rename(entry, to)?,
                _ if changes.files.iter().any(|(added, ..)| *added == name) => {}
                _ => writer.raw_copy_file(entry)?,
            }
        }
        changes
            .files
            .iter()
            .try_for_each(|(name, text, mode)| add(writer, name, text, *mode))
    })
}

/// Returns whether a bundle makes nginx repeat a request that failed because the server died.
pub fn retries(bundle: &Path) -> Result<bool, BundleError> {
    let archive = open(bundle)?;
    Ok(archive
        .index_for_name(&format!("nginx/{}", nginx::UPSTREAM))
        .is_some())
}

/// Returns whether a bundle has a front, and so the front mode `nginx`.
pub fn has_front(bundle: &Path) -> Result<bool, BundleError> {
    let archive = open(bundle)?;
    Ok(archive
        .index_for_name(&format!("systemd/{}", layout::FRONT))
        .is_some())
}

/// Returns the paths of a bundle's hooks.
pub fn hooks_of(bundle: &Path) -> Result<Vec<String>, BundleError> {
    let archive = open(bundle)?;
    let names = archive.file_names().filter_map(Result::ok);
    let hooks = names.filter(|name| {
        let parts: Vec<_> = name.split('/').collect();
        let stages = ["prebuild", "predeploy", "postdeploy"];
        matches!(parts[..], [".platform", "hooks" | "confighooks", stage, file]
            if stages.contains(&stage) && !file.is_empty())
    });
    Ok(hooks.map(Cow::into_owned).collect())
}

fn open(path: &Path) -> Result<ZipArchive<File>, BundleError> {
    let name = || path.display().to_string();
    let file = File::open(path).map_err(|error| BundleError::File(name(), error))?;
    ZipArchive::new(file).map_err(|error| BundleError::Zip(name(), error))
}

/// Returns the path, in the bundle, of the program that the server's unit starts: the server or the relay.
pub fn server_of(bundle: &Path) -> Result<String, BundleError> {
    let unit = unit_file::parse(&app_unit(bundle)?);
    let mut commands = unit_file::values(&unit, "Service", "ExecStart");
    let command = commands.next_back().unwrap_or_default();
    let program = command.split(' ').next().unwrap_or_default();
    Ok(program
        .split_once("/app/")
        .map_or(program, |(_, path)| path)
        .to_owned())
}

/// Returns the path of the server's health check; `/health` for an application without flipless.
pub fn health_path_of(bundle: &Path) -> Result<String, BundleError> {
    let unit = unit_file::parse(&app_unit(bundle)?);
    let mut variables = unit_file::values(&unit, "Service", "Environment");
    let path = variables.find_map(|variable| variable.strip_prefix("FLIPLESS_HEALTH_PATH="));
    Ok(path.unwrap_or("/health").to_owned())
}

/// Returns whether a healthy answer may have another status than 200 to 299: for an application without flipless, or if
/// the settings accept such statuses.
pub fn accepts_any_status(bundle: &Path) -> Result<bool, BundleError> {
    let unit = unit_file::parse(&app_unit(bundle)?);
    let mut variables = unit_file::values(&unit, "Service", "Environment");
    let statuses =
        variables.find_map(|variable| variable.strip_prefix("FLIPLESS_HEALTH_STATUSES="));
    Ok(!statuses.is_some_and(are_successes))
}

/// Returns whether all these statuses are from 200 to 299: `200-299`, `200` or `200,204`.
fn are_successes(statuses: &str) -> bool {
    let mut bounds = statuses.split([',', '-']);
    bounds.all(|bound| bound.len() == 3 && bound.starts_with('2'))
}

/// Returns the text of the unit of the server's runs; empty for a bundle without flipless.
fn app_unit(bundle: &Path) -> Result<String, BundleError> {
    let mut archive = open(bundle)?;
    let unit = match archive.by_name(&format!("systemd/{}", layout::APP_TEMPLATE)) {
        Err(ZipError::FileNotFound) => return Ok(String::new()),
        unit => unit.map_err(|error| BundleError::Zip(bundle.display().to_string(), error))?,
    };
    let text = io::read_to_string(unit);
    text.map_err(|error| BundleError::File(bundle.display().to_string(), error))
}

/// Writes the bundle of an application without flipless. The application answers every request with
/// `release RELEASE`, and with the header `x-release`.
pub fn stock_app(target: &Path, release: &str) -> Result<(), BundleError> {
    let configuration = include_str!("../model/stock-app/app.conf").replace("@RELEASE@", release);
    write(target, |writer| {
        add(
            writer,
            "Procfile",
            "web: exec /usr/sbin/nginx -e stderr -p /var/app/current -c app.conf\n",
            0o644,
        )?;
        add(writer, "app.conf", &configuration, 0o644)
    })
}

#[cfg(test)]
mod tests;
