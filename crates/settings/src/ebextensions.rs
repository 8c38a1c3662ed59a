//! EB's configuration files, `.ebextensions/*.config`: the sections that a rehearsal carries out.
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

/// Where the files lie in a bundle.
pub const FOLDER: &str = ".ebextensions/";

/// Whether EB reads this path of a bundle: a file right below [`FOLDER`] with the suffix `.config`.
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
    /// Where else EB downloads it from.
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
    /// Its environment, beside the usual one.
    pub env: BTreeMap<String, String>,
    /// A line whose failure leaves the command out.
    pub test: Option<String>,
    /// Whether its failure is ignored.
    #[serde(rename = "ignoreErrors", deserialize_with = "scalars::flag")]
    pub ignore_errors: bool,
    /// Whether one instance alone runs it.
    #[serde(deserialize_with = "scalars::flag")]
    pub leader_only: bool,
}

/// Reads one configuration file: YAML, of which JSON is a part.
///
/// # Errors
/// When it is neither, or a section has another form than EB's.
pub fn parse(text: &str) -> Result<ConfigFile, SyntaxError> {
    let sections = sections(text)?;
    let mut file: ConfigFile = document::read(text)?;
    let carried_out = ["option_settings", "files", "commands", "container_commands"];
    let others = sections.into_iter();
    file.others = others
        .filter(|name| !carried_out.contains(&name.as_str()))
        .collect();
    Ok(file)
}

/// The names of the sections, whatever is in them.
///
/// # Errors
/// Where the text is neither YAML nor JSON, or no mapping: EB refuses the whole version then.
pub fn sections(text: &str) -> Result<Vec<String>, SyntaxError> {
    let sections: BTreeMap<String, IgnoredAny> = document::read(text)?;
    Ok(sections.into_keys().collect())
}

#[cfg(test)]
mod tests;
