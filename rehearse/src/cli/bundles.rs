//! The folders of a rehearsal, and the bundles that it deploys.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use flipless_settings::FrontMode;
use rehearse::bundle::{self, Changes};
use rehearse::engine::is_skipped;
use rehearse::interruption::Scratch;
use rehearse::progress;

use super::arguments::Arguments;

/// Returns the folder of images and machines: `target/rehearse`.
pub(super) fn store() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."));
    target
        .unwrap_or_else(|| workspace.join("target"))
        .join("rehearse")
}

/// Makes the folder for the bundles. Each rehearsal has its own folder, because several rehearsals may run at the same
/// time.
pub(super) fn folder() -> anyhow::Result<Scratch> {
    let name = format!("bundles-{}-", std::process::id());
    fs::create_dir_all(store())
        .and_then(|()| Scratch::make(&store(), &name))
        .with_context(|| store().display().to_string())
}

/// Returns the bundle that runs first, and the bundle that is deployed.
pub(super) fn pair(
    arguments: &Arguments,
    front: Option<FrontMode>,
    folder: &Path,
) -> anyhow::Result<(PathBuf, PathBuf)> {
    let from = first_bundle(arguments, front, folder)?;
    let to = folder.join(format!("{}-2.zip", name(front)));
    match &arguments.to {
        Some(path) => bundle::https::rehearsed(path, &to)?,
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

/// Returns a copy of the bundle that runs first. The build for the next front mode replaces the original.
pub(super) fn first_bundle(
    arguments: &Arguments,
    front: Option<FrontMode>,
    folder: &Path,
) -> anyhow::Result<PathBuf> {
    let copy = folder.join(format!("{}-1.zip", name(front)));
    bundle::https::rehearsed(&original(arguments, front, folder)?, &copy)?;
    Ok(copy)
}

fn name(front: Option<FrontMode>) -> &'static str {
    front.map_or("own", FrontMode::name)
}

fn original(
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

/// Warns of each hook of the bundles that `--skip-hook` leaves out.
///
/// # Errors
/// If a pattern matches no hook.
pub(super) fn warn_of_skipped_hooks(patterns: &[String], bundles: &[&Path]) -> anyhow::Result<()> {
    let mut hooks = BTreeSet::new();
    for bundle in bundles {
        hooks.extend(bundle::hooks_of(bundle)?);
    }
    let mut skipped = BTreeSet::new();
    for pattern in patterns {
        let matching: Vec<_> = hooks
            .iter()
            .filter(|hook| is_skipped(pattern, hook))
            .collect();
        if matching.is_empty() {
            let names: Vec<_> = hooks
                .iter()
                .filter(|hook| is_skipped("*", hook))
                .map(String::as_str)
                .collect();
            let known = match names.is_empty() {
                true => "the bundle has no hooks of its own".to_owned(),
                false => format!("the bundle has {}", names.join(", ")),
            };
            bail!("`--skip-hook {pattern}` matches no hook\nhint: {known}");
        }
        skipped.extend(matching);
    }
    for hook in skipped {
        progress::warning("Skipping", hook);
    }
    Ok(())
}
