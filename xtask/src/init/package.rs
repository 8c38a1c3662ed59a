//! The `xtask` package of another repository.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item};

use super::changes::Changes;
use super::edits::{self, Edit};
use super::manifest::{self, DEPENDENCY, FLIPLESS, MAIN};
use super::source::Source;
use crate::{files, tools, ui};

/// The package, which may exist already.
pub struct Package {
    dir: PathBuf,
    name: String,
    /// The text of its `Cargo.toml`.
    cargo_toml: Option<String>,
}

impl Package {
    /// Looks for the package.
    ///
    /// # Errors
    /// If a file, or a package that `init` did not write, has this name.
    pub fn find(dir: &Path, name: &str) -> Result<Self> {
        let folder = dir.join(name);
        let cargo_toml = match folder.is_dir() {
            true => files::text(&folder.join("Cargo.toml"))?,
            false => None,
        };
        let is_ours = |text: &String| text.contains(DEPENDENCY);
        if folder.symlink_metadata().is_ok() && !cargo_toml.as_ref().is_some_and(is_ours) {
            return Err(ui::advised(
                format!(
                    "{} exists, and is not a package that `init` wrote",
                    folder.display()
                ),
                [
                    edits::other_name(),
                    format!(
                        "or call flipless in your own package: depend on flipless's package `xtask`, by the name \
                         {DEPENDENCY}, and call `flipless_xtask::main()`"
                    ),
                ],
            ));
        }
        Ok(Self {
            dir: dir.to_owned(),
            name: name.to_owned(),
            cargo_toml,
        })
    }

    /// Whether an earlier `init` wrote the package.
    pub fn is_there(&self) -> bool {
        self.cargo_toml.is_some()
    }

    /// Plans the new package, or the changes of an existing package.
    ///
    /// # Errors
    /// If cargo can't find the source, or the folder can't be written to.
    pub fn plan(
        &self,
        changes: &mut Changes,
        source: Option<&Source>,
        flipless: &Path,
    ) -> Result<()> {
        let Some(old) = &self.cargo_toml else {
            let Some(source) = source else { return Ok(()) };
            let path = flipless.join("Cargo.toml");
            let own = fs::read_to_string(&path);
            let own = own.with_context(|| format!("cannot read {}", path.display()))?;
            let cargo_toml = manifest::text(&self.name, &self.keys(source), &own)?;
            let folder = changes.new_folder(&self.name)?;
            return self.write(folder, &cargo_toml, flipless);
        };
        self.plan_change(changes, old, source, flipless)?;
        let main = format!("{}/src/main.rs", self.name);
        match self.dir.join(&main).exists() {
            true => changes.keep(&main),
            false => changes.file(&main, None, MAIN.into(), "the program"),
        }
        Ok(())
    }

    /// Plans a new source of flipless for an existing package, and the versions in its lock file that belong to this
    /// source.
    fn plan_change(
        &self,
        changes: &mut Changes,
        old: &str,
        source: Option<&Source>,
        flipless: &Path,
    ) -> Result<()> {
        let file = format!("{}/Cargo.toml", self.name);
        let edit = match source {
            None => Edit::None,
            Some(source) => edits::with_dependency(old, DEPENDENCY, &self.keys(source))?,
        };
        if let Edit::Text(new) = &edit {
            let folder = changes.temporary_folder()?;
            self.write(folder.path(), new, flipless)?;
            let lock = format!("{}/Cargo.lock", self.name);
            let (old, new) = (
                files::text(&self.dir.join(&lock))?,
                files::text(&folder.path().join("Cargo.lock"))?,
            );
            let edit = match new.filter(|new| old.as_ref() != Some(new)) {
                Some(new) => Edit::Text(new),
                None => Edit::None,
            };
            changes.edit(
                &lock,
                old,
                edit,
                "the versions that flipless is tested with",
            );
        }
        changes.edit(
            &file,
            Some(old.to_owned()),
            edit,
            "the dependency on flipless",
        );
        Ok(())
    }

    fn keys(&self, source: &Source) -> Vec<(&'static str, String)> {
        source.keys(FLIPLESS, &self.dir.join(&self.name))
    }

    /// Writes the package to `folder`. The lock file begins as a copy of flipless's own lock file, because flipless is
    /// tested with these versions.
    fn write(&self, folder: &Path, cargo_toml: &str, flipless: &Path) -> Result<()> {
        let write = || {
            fs::create_dir(folder.join("src"))?;
            fs::write(folder.join("Cargo.toml"), cargo_toml)?;
            fs::copy(flipless.join("Cargo.lock"), folder.join("Cargo.lock"))?;
            fs::write(folder.join("src/main.rs"), MAIN)
        };
        write().with_context(|| format!("cannot write to {}", self.dir.display()))?;
        resolve(folder, &self.dir)
    }

    /// Returns the keys of a dependency on the library of flipless. Its source is `source`, or else the source that the
    /// package already uses.
    pub fn dependency(&self, source: Option<&Source>) -> Vec<(&'static str, String)> {
        if let Some(source) = source {
            return source.keys("crates/flipless", &self.dir);
        }
        self.old_dependency().unwrap_or_default()
    }

    /// Returns the keys for the source that an earlier `init` has chosen.
    fn old_dependency(&self) -> Option<Vec<(&'static str, String)>> {
        let document: DocumentMut = self.cargo_toml.as_ref()?.parse().ok()?;
        let keys = document.get("dependencies")?.get(DEPENDENCY)?;
        let text = |key: &str| keys.get(key).and_then(Item::as_str).map(str::to_owned);
        if let Some(path) = text("path") {
            let xtask = self.dir.join(&self.name).join(path).canonicalize().ok()?;
            return Some(
                Source::Path(xtask.parent()?.to_owned()).keys("crates/flipless", &self.dir),
            );
        }
        let (url, rev) = (text("git")?, text("rev")?);
        Some(Source::Git { url, rev }.keys("crates/flipless", &self.dir))
    }
}

/// Completes the lock file in `folder`. So `init` finds a source that does not exist before it changes the repository.
fn resolve(folder: &Path, dir: &Path) -> Result<()> {
    ui::status("Resolving", "the dependency on flipless");
    let mut cargo = tools::cargo();
    cargo.args(["update", "--quiet", "--workspace", "--manifest-path"]);
    cargo.arg(folder.join("Cargo.toml")).current_dir(dir);
    tools::output(&mut cargo).map(drop).map_err(|error| {
        ui::advised(
            format!("cargo can't find flipless: {error}"),
            [
                "is the commit pushed? choose another commit with `--git URL --rev COMMIT`, or this checkout with \
                 --path",
            ],
        )
    })
}
