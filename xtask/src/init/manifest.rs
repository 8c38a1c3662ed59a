//! The text of the files in the package that `init` writes.

use anyhow::{Context, Result};
use toml_edit::DocumentMut;

/// The name of flipless's own package with the commands, and of its folder.
pub const FLIPLESS: &str = "xtask";
/// The name of the dependency on flipless.
pub const DEPENDENCY: &str = "flipless-xtask";
/// The text of the new package's `main.rs`.
pub const MAIN: &str = "\
//! The commands of flipless for this repository: `dist`, `check`, `diff` and `rehearse`.

fn main() -> std::process::ExitCode {
    flipless_xtask::main()
}
";

/// Returns the text of the new package's `Cargo.toml`. Its version differs from the version of flipless's own `xtask`.
/// With equal versions, cargo's lock file can't tell these two path packages apart.
///
/// # Errors
/// If `flipless`, the text of flipless's own `Cargo.toml`, is invalid.
pub fn text(name: &str, keys: &[(&str, String)], flipless: &str) -> Result<String> {
    let mut text = format!(
        "# Written by `cargo xtask init` of flipless.
[package]
name = \"{name}\"
version = \"0.0.0\"
edition = \"2024\"
publish = false

[dependencies]
# `dist` builds the agent and the relay from the source of this dependency.
{DEPENDENCY} = {}

# A separate workspace, so that the server's Cargo.toml, lock file and build do not change.
[workspace]

# The same profile as in flipless.
",
        inline(&[&[("package", FLIPLESS.to_owned())], keys].concat())
    );
    let own: DocumentMut = flipless
        .parse()
        .context("cannot read flipless's Cargo.toml")?;
    let mut profile = DocumentMut::new();
    if let Some(dev) = own.get("profile").and_then(|all| all.get("dev")) {
        let all = profile.entry("profile").or_insert(toml_edit::table());
        if let Some(all) = all.as_table_mut() {
            all.set_implicit(true);
            all.insert("dev", dev.clone());
        }
    }
    text += profile.to_string().trim_start();
    Ok(text)
}

/// Returns the keys of a dependency as an inline table.
pub fn inline(keys: &[(&str, String)]) -> String {
    let keys = keys.iter();
    let mut table: toml_edit::InlineTable = keys.map(|(key, text)| (*key, text.as_str())).collect();
    table.fmt();
    table.to_string()
}

#[cfg(test)]
mod tests;
