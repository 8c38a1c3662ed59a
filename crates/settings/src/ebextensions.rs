//! Reads EB's configuration files, `.ebextensions/*.config`: the content of the sections that a rehearsal carries out,
//! and the names of the other sections.
//!
//! <https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/ebextensions.html>

mod document;
mod options;
mod scalars;
mod words;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

pub use document::SyntaxError;
pub use options::{OptionSetting, PROPERTIES};
pub use words::Words;

/// The folder of these files in a bundle.
pub const FOLDER: &str = ".ebextensions/";

/// Returns whether EB reads this path of a bundle: a file directly in [`FOLDER`] with the suffix `.config`.
///
/// ```
/// use flipless_settings::ebextensions::is_config_file;
/// assert!(is_config_file(".ebextensions/10-proxy.config"));
/// assert!(!is_config_file(".ebextensions/nested/a.config"));
/// assert!(!is_config_file(".ebextensions/README.md"));
/// ```
pub fn is_config_file(path: &str) -> bool {
    let name = path.strip_prefix(FOLDER).unwrap_or_default();
    name.ends_with(".config") && !name.contains('/')
}

/// One configuration file. EB carries out `files` and `commands` in the order of their names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConfigFile {
    /// The environment's options.
    #[serde(deserialize_with = "options::either")]
    pub option_settings: Vec<OptionSetting>,
    /// Files by their path on the instance.
    #[serde(deserialize_with = "scalars::section")]
    pub files: BTreeMap<String, FileEntry>,
    /// Commands before the bundle is staged.
    #[serde(deserialize_with = "scalars::section")]
    pub commands: BTreeMap<String, CommandEntry>,
    /// Commands in the staged bundle.
    #[serde(deserialize_with = "scalars::section")]
    pub container_commands: BTreeMap<String, CommandEntry>,
    /// The names of the packages of all package managers.
    #[serde(skip)]
    pub packages: Vec<String>,
    /// The names of the other sections.
    #[serde(skip)]
    pub others: Vec<String>,
}

/// A file that EB writes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FileEntry {
    /// Six octal digits; a link begins with `120`, and then `content` is its target.
    pub mode: Option<String>,
    /// Its user.
    pub owner: Option<String>,
    /// Its group.
    pub group: Option<String>,
    /// Its text.
    pub content: Option<String>,
    /// The URL from which EB downloads the file.
    pub source: Option<String>,
    /// `plain`, or `base64`.
    pub encoding: Option<String>,
}

/// A command that EB runs as root.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CommandEntry {
    /// A line for a shell, or a program and its arguments.
    #[serde(deserialize_with = "words::either")]
    pub command: Words,
    /// Its working directory.
    pub cwd: Option<String>,
    /// Its own variables. In `commands` they replace the usual environment; in `container_commands` they are added to
    /// the environment properties.
    pub env: BTreeMap<String, String>,
    /// A test: if this line fails, EB skips the command.
    pub test: Option<String>,
    /// Whether EB ignores a failure of the command.
    #[serde(rename = "ignoreErrors", deserialize_with = "scalars::flag")]
    pub ignore_errors: bool,
    /// Whether only one instance of the environment runs the command.
    #[serde(deserialize_with = "scalars::flag")]
    pub leader_only: bool,
}

/// Reads one configuration file in YAML or JSON. Every JSON text is also YAML.
///
/// # Errors
/// If the text is neither, or if a section does not have EB's form.
pub fn parse(text: &str) -> Result<ConfigFile, SyntaxError> {
    let sections = sections(text)?;
    let mut file: ConfigFile = document::read(text)?;
    file.packages = packages(text);
    let carried_out = ["option_settings", "files", "commands", "container_commands"];
    let others = sections.into_iter();
    file.others = others
        .filter(|name| !carried_out.contains(&name.as_str()))
        .collect();
    Ok(file)
}

/// Returns the names of the packages; none if the section does not have EB's form.
fn packages(text: &str) -> Vec<String> {
    #[derive(Default, Deserialize)]
    struct Packages {
        packages: Option<BTreeMap<String, Option<BTreeMap<String, IgnoredAny>>>>,
    }
    let read: Packages = document::read(text).unwrap_or_default();
    let managers = read.packages.unwrap_or_default().into_values().flatten();
    managers.flat_map(BTreeMap::into_keys).collect()
}

/// Returns the names of the sections, and does not check their content.
///
/// # Errors
/// If the text is neither YAML nor JSON, or not a mapping. EB then refuses the whole version.
pub fn sections(text: &str) -> Result<Vec<String>, SyntaxError> {
    let sections: BTreeMap<String, IgnoredAny> = document::read(text)?;
    Ok(sections.into_keys().collect())
}

#[cfg(test)]
mod tests;
