//! flipless's settings for a wrapped bundle: the keys of the user's flipless.toml, and the settings that the bundle
//! itself implies.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flipless_settings::Config;
use toml::{Table, Value};

use super::{command, health};
use crate::bundle::Bundle;
use crate::dist::procfile;
use crate::ui;

/// Returns the path of the flipless.toml to use: the named file, or the file beside the zip, which may not exist.
pub fn file(zip: &Path, config: Option<&Path>) -> Result<PathBuf> {
    let zip = std::path::absolute(zip)?;
    match config {
        Some(config) => Ok(std::path::absolute(config)?),
        None => Ok(zip.with_file_name("flipless.toml")),
    }
}

/// Returns the text of a flipless.toml for the bundle. The keys of the user's file at `config` stay as they are.
///
/// # Errors
/// If the user's file is invalid or names a server to build, or if the bundle has no server that can be started.
pub fn derive(zip: &Path, bundle: &Bundle, procfile: &str, config: &Path) -> Result<String> {
    let named = Config::load(config)?;
    refuse_a_build(&named, config)?;
    let mut table = read(config)?;
    let app = section(&mut table, "app")?;
    app.entry("name").or_insert_with(|| name_of(zip).into());
    let server = section(&mut table, "server")?;
    if named.server.command.is_none() {
        let origin = format!("{} in {}", procfile::FILE, zip.display());
        let processes = procfile::parse(procfile, &origin)?;
        let line = command::of_web(&processes, bundle, zip)?;
        command::check(&line, bundle, zip)?;
        server.insert("command".into(), line.into());
    }
    if !server.contains_key("health-path") {
        let health = health::of(bundle);
        health.explain();
        server.insert("health-path".into(), health.path.into());
        server
            .entry("health-statuses")
            .or_insert_with(|| health.statuses.into());
    }
    let text = toml::to_string(&table)?;
    // The bundle may contain a value that a setting does not allow.
    Config::parse(&text, config)?;
    Ok(text)
}

/// `--wrap` takes the server from the zip, so no key may name a server to build.
fn refuse_a_build(config: &Config, file: &Path) -> Result<()> {
    let (server, default) = (&config.server, Config::default().server);
    let keys = [
        ("manifest", server.manifest.is_some()),
        ("package", server.package.is_some()),
        ("bin", server.bin != default.bin),
        ("args", !server.args.is_empty()),
    ];
    match keys.into_iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((key, _)) => Err(ui::advised(
            format!(
                "{}: `[server] {key}` is for a server that `dist` builds",
                file.display()
            ),
            [
                "`--wrap` takes the server from the zip: remove the key, or pass another file with --config",
            ],
        )),
    }
}

fn read(file: &Path) -> Result<Table> {
    if !file.exists() {
        return Ok(Table::new());
    }
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text.parse()?)
}

fn section<'a>(table: &'a mut Table, name: &str) -> Result<&'a mut Table> {
    let section = table
        .entry(name)
        .or_insert_with(|| Value::Table(Table::new()));
    section
        .as_table_mut()
        .with_context(|| format!("`{name}` is not a table"))
}

/// Returns the zip's name without its suffix, as the name of an application. Each character that is not allowed there
/// becomes `-`.
fn name_of(zip: &Path) -> String {
    let stem = zip.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let name: String = stem.chars().map(plain).take(60).collect();
    match name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => name,
        false => format!("app{name}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_application_without_a_name_has_the_name_of_its_zip() {
        for (zip, name) in [
            ("/a/shop.zip", "shop"),
            ("my app v1.2.zip", "my-app-v1-2"),
            ("_x.zip", "app_x"),
            ("é.zip", "app-"),
        ] {
            assert_eq!(name_of(Path::new(zip)), name);
            Config::parse(&format!("[app]\nname = \"{name}\""), Path::new("x")).unwrap();
        }
    }
}
