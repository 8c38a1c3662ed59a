//! The part of cargo's configuration and environment that a build uses.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_config2::{Flags, ResolveOptions, Walk};
use toml::{Table, Value};

use super::target::Target;
use crate::ui;

/// Cargo's configuration for a folder.
pub struct CargoConfig(cargo_config2::Config);

impl CargoConfig {
    /// Reads the configuration as cargo does: from `folder`, the folders above, cargo's home, and the environment.
    ///
    /// # Errors
    /// If the configuration is invalid, or if an included file contains rustc flags.
    pub fn load(folder: &Path) -> Result<Self> {
        // If one of these is set, cargo ignores the flags in files.
        let variables = ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"];
        if variables.iter().all(|name| env::var_os(name).is_none()) {
            refuse_included_flags(folder)?;
        }
        Self::with(folder, ResolveOptions::default())
    }

    /// Reads the configuration with the environment in `options`. Does not look for flags in included files.
    ///
    /// # Errors
    /// If the configuration is invalid.
    pub fn with(folder: &Path, options: ResolveOptions) -> Result<Self> {
        let context = || format!("cannot read cargo's configuration in {}", folder.display());
        let config = cargo_config2::Config::load_with_options(folder, options);
        Ok(Self(config.with_context(context)?))
    }

    /// Returns rustc's flags for a target, from the source that cargo chooses.
    ///
    /// # Errors
    /// If rustc does not report the `cfg` values of the target.
    pub fn rustflags(&self, target: Target) -> Result<Flags> {
        Ok(self.0.rustflags(target.triple())?.unwrap_or_default())
    }

    /// Returns the linker for a target, if the configuration sets one.
    ///
    /// # Errors
    /// If rustc does not report the `cfg` values of the target.
    pub fn linker(&self, target: Target) -> Result<Option<PathBuf>> {
        let linker = self.0.linker(target.triple())?;
        Ok(linker.filter(|path| !path.as_os_str().is_empty()))
    }
}

/// Refuses rustc flags in an included file. cargo follows `include` since version 1.94, but cargo-config2 does not. So
/// the build would silently lack these flags.
fn refuse_included_flags(folder: &Path) -> Result<()> {
    let mut files: Vec<PathBuf> = Walk::new(folder).collect();
    let mut next = 0;
    while let Some(config) = files.get(next).cloned() {
        next += 1;
        for path in included(&config)? {
            if has_flags(&read(&path)?) {
                return Err(ui::advised(
                    format!(
                        "{}: `dist` does not read `rustflags` in an included file",
                        path.display()
                    ),
                    [format!(
                        "move the flags to {}, or set RUSTFLAGS, which replaces all flags in files",
                        config.display()
                    )],
                ));
            }
            if !files.contains(&path) {
                files.push(path);
            }
        }
    }
    Ok(())
}

/// Returns the files that a configuration includes, if they exist. cargo itself reports a missing file that is not
/// optional (<https://doc.rust-lang.org/cargo/reference/config.html#including-extra-configuration-files>).
fn included(config: &Path) -> Result<Vec<PathBuf>> {
    let table = read(config)?;
    let list = table.get("include").and_then(Value::as_array);
    let folder = config.parent().unwrap_or(config);
    let path = |value: &Value| Some(folder.join(value.get("path").unwrap_or(value).as_str()?));
    let paths = list.into_iter().flatten().filter_map(path);
    Ok(paths.filter(|path| path.exists()).collect())
}

fn has_flags(table: &Table) -> bool {
    let sets = |value: &Value| value.get("rustflags").is_some();
    let targets = table.get("target").and_then(Value::as_table);
    table.get("build").is_some_and(sets) || targets.is_some_and(|all| all.values().any(sets))
}

fn read(path: &Path) -> Result<Table> {
    let context = || format!("cannot read cargo's configuration {}", path.display());
    let text = std::fs::read_to_string(path).with_context(context)?;
    text.parse().with_context(context)
}

#[cfg(test)]
mod tests;
