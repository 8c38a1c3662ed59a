//! Edits of existing files, which keep comments and order.

use std::path::Path;

use anyhow::{Context, Result, bail};
use globset::GlobBuilder;
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value, value};

use crate::ui;

/// The result of an edit.
#[derive(Debug, PartialEq, Eq)]
pub enum Edit {
    /// The file stays as it is.
    None,
    /// The new text.
    Text(String),
}

/// Returns the name of cargo's configuration file in a folder. If both names exist, cargo reads the file without the
/// suffix (<https://doc.rust-lang.org/cargo/reference/config.html#hierarchical-structure>).
pub fn config_file(dir: &Path) -> &'static str {
    match dir.join(".cargo/config").is_file() {
        true => ".cargo/config",
        false => ".cargo/config.toml",
    }
}

/// Adds the alias that runs the package `name`. `is_ours` says whether an earlier `init` wrote that package. If it did,
/// an existing alias of this name stays, because the user may have changed the alias.
///
/// # Errors
/// If the file already has another alias of this name.
pub fn with_alias(text: Option<&str>, name: &str, is_ours: bool, file: &str) -> Result<Edit> {
    let mut document = parse(text.unwrap_or_default(), file)?;
    let command = format!("run --quiet --manifest-path {name}/Cargo.toml --target-dir target --");
    let aliases = document.entry("alias").or_insert(Item::Table(Table::new()));
    let aliases = aliases.as_table_like_mut();
    let aliases = aliases.with_context(|| format!("{file}: `alias` is not a table"))?;
    match aliases.get(name) {
        Some(_) if is_ours => return Ok(Edit::None),
        Some(alias) if words(alias) == command.split(' ').collect::<Vec<_>>() => {
            return Ok(Edit::None);
        }
        Some(alias) => {
            return Err(ui::advised(
                format!("{file} already has an alias `{name}`:{alias}"),
                [other_name()],
            ));
        }
        None => aliases.insert(name, value(command)),
    };
    Ok(Edit::Text(with_line_ends_of(
        text.unwrap_or_default(),
        &document.to_string(),
    )))
}

/// Returns the words of an alias, which is a string or a list.
fn words(alias: &Item) -> Vec<&str> {
    match alias.as_array() {
        Some(array) => array.iter().filter_map(Value::as_str).collect(),
        None => alias
            .as_str()
            .unwrap_or_default()
            .split_whitespace()
            .collect(),
    }
}

/// The hint for a repository that already has an `xtask`.
pub fn other_name() -> String {
    "choose another name for flipless's commands: with `--name flipless` they are `cargo flipless dist` and so on".into()
}

/// Adds the folders to `exclude` of the workspace, if a glob in `members` matches them. cargo refuses a member that is
/// itself a workspace, or that is no package.
///
/// # Errors
/// If `text` is no valid `Cargo.toml`.
pub fn without_members(text: &str, folders: &[&str]) -> Result<Edit> {
    let mut document = parse(text, "Cargo.toml")?;
    let workspace = document.get_mut("workspace");
    let Some(workspace) = workspace.and_then(Item::as_table_like_mut) else {
        return Ok(Edit::None);
    };
    let matched = |folder: &str| {
        let is_excluded = listed(workspace, "exclude").any(|path| bare(path) == folder);
        !is_excluded && listed(workspace, "members").any(|glob| matches(glob, folder))
    };
    let new: Vec<_> = folders.iter().filter(|folder| matched(folder)).collect();
    if new.is_empty() {
        return Ok(Edit::None);
    }
    let list = workspace.entry("exclude").or_insert(value(Array::new()));
    let list = list.as_array_mut();
    let list = list.context("Cargo.toml: `exclude` is not a list")?;
    new.into_iter().for_each(|folder| list.push(*folder));
    Ok(Edit::Text(with_line_ends_of(text, &document.to_string())))
}

fn listed<'a>(workspace: &'a dyn TableLike, key: &str) -> impl Iterator<Item = &'a str> {
    let list = workspace.get(key).and_then(Item::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// The path without `./` before it and `/` after it.
fn bare(path: &str) -> &str {
    path.strip_prefix("./")
        .unwrap_or(path)
        .trim_end_matches('/')
}

fn matches(glob: &str, folder: &str) -> bool {
    let glob = GlobBuilder::new(bare(glob)).literal_separator(true).build();
    glob.is_ok_and(|glob| glob.compile_matcher().is_match(folder))
}

/// Replaces the dependency `name` by `dependency`. The dependency keeps its other keys, such as `features`.
///
/// # Errors
/// If the file is no valid `Cargo.toml`, or has no such dependency.
pub fn with_dependency(text: &str, name: &str, dependency: &[(&str, String)]) -> Result<Edit> {
    let file = "Cargo.toml of the package";
    let mut document = parse(text, file)?;
    let old = document
        .get_mut("dependencies")
        .and_then(|all| all.get_mut(name));
    let Some(old) = old.and_then(Item::as_table_like_mut) else {
        bail!("{file} has no dependency `{name}` in the form of a table");
    };
    for key in ["path", "git", "rev", "tag", "branch", "version"] {
        let new = dependency.iter().find(|(named, _)| *named == key);
        match (new, old.get(key).and_then(Item::as_str)) {
            (None, None) => {}
            (None, Some(_)) => drop(old.remove(key)),
            (Some((_, new)), Some(same)) if new == same => {}
            (Some((_, new)), _) => drop(old.insert(key, value(new))),
        }
    }
    let new = with_line_ends_of(text, &document.to_string());
    Ok(if new == text {
        Edit::None
    } else {
        Edit::Text(new)
    })
}

/// Adds a line to a `.gitignore`.
pub fn ignoring(text: Option<&str>, line: &str) -> Edit {
    let mut text = text.unwrap_or_default().to_owned();
    if text.lines().any(|old| old == line) {
        return Edit::None;
    }
    let old = text.clone();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
    Edit::Text(with_line_ends_of(&old, &text))
}

/// Returns `new` with the line ends of `old`, because toml_edit writes only LF.
fn with_line_ends_of(old: &str, new: &str) -> String {
    let new = new.replace("\r\n", "\n");
    match old.contains("\r\n") {
        true => new.replace('\n', "\r\n"),
        false => new,
    }
}

fn parse(text: &str, file: &str) -> Result<DocumentMut> {
    text.parse().with_context(|| format!("cannot read {file}"))
}

#[cfg(test)]
mod tests;
