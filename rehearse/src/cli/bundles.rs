//! Where a rehearsal keeps what it makes, and the bundles that it deploys.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use flipless_settings::FrontMode;
use rehearse::bundle::{self, Changes};
use rehearse::progress;

use super::arguments::Arguments;

/// Where images and machines are kept: `target/rehearse`.
pub(super) fn store() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."));
    target
        .unwrap_or_else(|| workspace.join("target"))
        .join("rehearse")
}

/// Each rehearsal has a folder of its own: two may run at the same time.
pub(super) fn folder() -> anyhow::Result<tempfile::TempDir> {
    fs::create_dir_all(store()).with_context(|| store().display().to_string())?;
    Ok(tempfile::Builder::new()
        .prefix("bundles-")
        .tempdir_in(store())?)
}

/// The bundle that runs first, and the one that is deployed.
pub(super) fn pair(
    arguments: &Arguments,
    front: Option<FrontMode>,
    folder: &Path,
) -> anyhow::Result<(PathBuf, PathBuf)> {
    // A copy: the next front's build takes the place of this one.
    let name = front.map_or("own", FrontMode::name);
    let (from, to) = (
        folder.join(format!("{name}-1.zip")),
        folder.join(format!("{name}-2.zip")),
    );
    let original = first_bundle(arguments, front, folder)?;
    if original != from {
        fs::copy(&original, &from)
            .with_context(|| format!("cannot copy {}", original.display()))?;
    }
    match &arguments.to {
        Some(path) => return Ok((from, path.clone())),
        None => {
            let files = [("REHEARSAL", "the new version\n", 0o644)];
            bundle::changed(
                &from,
                &to,
                &Changes {
                    files: &files,
                    ..Changes::default()
                },
            )?;
        }
    }
    Ok((from, to))
}

pub(super) fn first_bundle(
    arguments: &Arguments,
    front: Option<FrontMode>,
    folder: &Path,
) -> anyhow::Result<PathBuf> {
    if arguments.stock_app {
        let path = folder.join("stock-app-1.zip");
        bundle::stock_app(&path, "one")?;
        return Ok(path);
    }
    match &arguments.from {
        Some(path) => Ok(path.clone()),
        None => {
            progress::status("Bundling", "with `cargo xtask dist`");
            Ok(bundle::build(
                front,
                arguments.config.as_deref(),
                &folder.join("dist"),
            )?)
        }
    }
}
