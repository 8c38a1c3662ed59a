//! A server that cargo builds.

use std::path::Path;

use anyhow::Result;
use cargo_metadata::{Package, Target};

use crate::ui;
use crate::workspace::Workspace;

/// A server that cargo builds.
pub struct Built {
    /// The workspace of the server.
    pub workspace: Workspace,
    /// The package, if the workspace has several.
    pub package: Option<String>,
    /// The name of the package.
    pub name: String,
    /// The binary.
    pub bin: String,
    /// The source file of the binary, and the `Cargo.toml` of the package, both relative to the repository.
    pub places: (String, String),
    /// Whether the package depends on the library of flipless.
    pub uses_library: bool,
}

/// The names in the options or in an existing flipless.toml.
pub struct Named {
    /// The `Cargo.toml`, relative to the repository.
    pub manifest: String,
    /// The package.
    pub package: Option<String>,
    /// The package's binary.
    pub bin: Option<String>,
}

/// Finds the package and the binary.
///
/// # Errors
/// If no package or binary fits, or if several fit. The hints name the options that choose one.
pub fn find(dir: &Path, named: &Named) -> Result<Built> {
    let workspace = Workspace::elsewhere(&dir.join(&named.manifest))?;
    let package = package(&workspace, named)?;
    let target = bin(package, named)?;
    let place = |path: &Path| {
        let path = path.strip_prefix(dir).unwrap_or(path);
        path.display().to_string()
    };
    let uses = |dependency: &cargo_metadata::Dependency| dependency.name == "flipless";
    Ok(Built {
        package: workspace
            .only_package()
            .is_err()
            .then(|| package.name.to_string()),
        name: package.name.to_string(),
        bin: target.name.clone(),
        places: (
            place(target.src_path.as_std_path()),
            place(package.manifest_path.as_std_path()),
        ),
        uses_library: package.dependencies.iter().any(uses),
        workspace,
    })
}

fn bins(package: &Package) -> impl Iterator<Item = &Target> {
    package.targets.iter().filter(|target| target.is_bin())
}

/// Returns the package with the server: the named package, or else the package of the `Cargo.toml`, or else the only
/// package with a binary.
fn package<'a>(workspace: &'a Workspace, named: &Named) -> Result<&'a Package> {
    let all = || {
        workspace
            .packages()
            .filter(|package| bins(package).next().is_some())
    };
    let candidates: Vec<_> = match (&named.package, workspace.root_package()) {
        (Some(name), _) => all()
            .filter(|package| package.name.as_str() == name)
            .collect(),
        (None, Some(root)) if bins(root).next().is_some() => return Ok(root),
        (None, _) => all().collect(),
    };
    let names: Vec<_> = all().map(|package| package.name.as_str()).collect();
    let place = workspace.cargo_toml.display();
    match (candidates.as_slice(), &named.package) {
        ([package], _) => Ok(package),
        _ if names.is_empty() => Err(ui::advised(
            format!("no package of {place} has a binary"),
            ["flipless deploys a program: add a `src/main.rs` that serves, or pass --command"],
        )),
        (_, Some(name)) => Err(ui::advised(
            format!("{place} has no package `{name}` with a binary"),
            [format!(
                "pass one of these with --package: {}",
                names.join(", ")
            )],
        )),
        (_, None) => Err(ui::advised(
            format!("which package of {place} contains the server?"),
            [format!(
                "pass one of these with --package: {}",
                names.join(", ")
            )],
        )),
    }
}

/// Returns the binary: the named binary, or else the only binary, or else the binary in `default-run`, or else the
/// binary with the package's name.
fn bin<'a>(package: &'a Package, wanted: &Named) -> Result<&'a Target> {
    let all: Vec<_> = bins(package).collect();
    let default = package.default_run.as_deref();
    let named = wanted.bin.as_deref().or(default);
    let named = named.unwrap_or(package.name.as_str());
    match (all.as_slice(), &wanted.bin) {
        ([only], None) => return Ok(only),
        (several, _) => several.iter().find(|target| target.name == named),
    }
    .copied()
    .ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|target| target.name.as_str()).collect();
        ui::advised(
            format!(
                "which binary of the package `{}` is the server?",
                package.name
            ),
            [format!(
                "pass one of these with --bin: {}",
                names.join(", ")
            )],
        )
    })
}
