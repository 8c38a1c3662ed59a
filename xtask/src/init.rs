//! `cargo xtask init DIR`: gives another repository its own `cargo xtask`.
//!
//! The `xtask` package there is a separate workspace. So the server's `Cargo.toml`, lock file and build do not
//! change, and a server that is not written in Rust needs no `Cargo.toml`.

use std::path::Path;
use std::process::ExitCode;

use anstream::print;
use anyhow::{Result, ensure};
use flipless_settings::Config;

use crate::roots::Roots;
use crate::{files, ui};

mod advice;
mod args;
mod changes;
mod edits;
mod ignored;
mod lock;
mod manifest;
mod package;
mod server;
mod settings;
mod source;

pub use args::Args;
use changes::Changes;
use edits::Edit;
use package::Package;
use server::Server;
use source::Source;

/// Plans every change, and then makes all of them or none.
pub fn run(roots: &Roots, args: &Args) -> Result<ExitCode> {
    let dir = args.dir.canonicalize()?;
    ensure!(
        dir.to_str().is_some(),
        "{} is not valid UTF-8: cargo can't build a package there",
        dir.display()
    );
    ensure!(
        dir != roots.flipless,
        "{} is flipless itself, which already has its `cargo xtask`",
        dir.display()
    );
    let package = Package::find(&dir, &args.name)?;
    let config = config(&dir, args)?;
    let server = Server::find(&dir, args, config.as_ref())?;
    let source = Source::choose(args, &roots.flipless, package.is_there())?;
    // Here cargo reads the server's workspace. So this comes before `init` writes the new package, which could match a
    // glob in `members`.
    let lock_file = lock::complete(&server)?;
    let mut changes = Changes::new(&dir);
    plan(&mut changes, args, &server, &package)?;
    package.plan(&mut changes, source.as_ref(), &roots.flipless)?;
    changes.make()?;
    if let Some(path) = lock_file {
        let path = path.keep()?;
        ui::status("Created", format!("{}, which `dist` needs", path.display()));
    }
    print!(
        "{}",
        advice::text(&dir, args, &server, &package.dependency(source.as_ref()))
    );
    Ok(ExitCode::SUCCESS)
}

/// Returns the settings that the repository has already. Warns about options that therefore have no effect.
fn config(dir: &Path, args: &Args) -> Result<Option<Config>> {
    let path = dir.join("flipless.toml");
    if !path.exists() {
        return Ok(None);
    }
    let unused = [
        ("package", &args.package),
        ("bin", &args.bin),
        ("command", &args.command),
    ];
    for (option, _) in unused.iter().filter(|(_, value)| value.is_some()) {
        ui::warning(format!(
            "--{option} has no effect: {} exists and stays as it is",
            path.display()
        ));
    }
    Ok(Some(Config::load(&path)?))
}

/// Plans the changes outside of the new package.
fn plan(changes: &mut Changes, args: &Args, server: &Server, package: &Package) -> Result<()> {
    let dir = changes.dir().to_owned();
    let about = "the settings of flipless";
    match files::text(&dir.join("flipless.toml"))? {
        Some(_) => changes.keep("flipless.toml"),
        None => changes.file("flipless.toml", None, settings::text(&dir, server)?, about),
    }
    let config = edits::config_file(&dir);
    let old = files::text(&dir.join(config))?;
    let edit = edits::with_alias(old.as_deref(), &args.name, package.is_there(), config)?;
    changes.edit(
        config,
        old,
        edit,
        &format!("the alias `cargo {}`", args.name),
    );
    if let Some(old) = files::text(&dir.join("Cargo.toml"))? {
        let edit = edits::without_members(&old, &[&args.name, ".cargo"])?;
        if !matches!(edit, Edit::None) {
            let about = "`exclude` of the workspace, whose `members` match the new folders";
            changes.edit("Cargo.toml", Some(old), edit, about);
        }
    }
    if ignored::is_not(&dir, "target/") {
        let old = files::text(&dir.join(".gitignore"))?;
        let edit = edits::ignoring(old.as_deref(), "/target");
        changes.edit(".gitignore", old, edit, "a line for the target directory");
    }
    Ok(())
}
