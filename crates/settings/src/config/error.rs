//! Errors in `flipless.toml`, with their place.

use std::path::{Path, PathBuf};

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not readable.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The configuration file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The content is not valid. The message names the line, the column and the allowed values.
    #[error("{path}:{line}:{column}: {message}", path = path.display())]
    Invalid {
        /// The configuration file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The column in characters, counted from 1.
        column: usize,
        /// The fault and the allowed values.
        message: String,
    },
}

/// Returns an error that names the line and the column where `span` begins; without a span, the beginning of the text.
pub(super) fn invalid(
    text: &str,
    path: &Path,
    span: Option<std::ops::Range<usize>>,
    message: &str,
) -> ConfigError {
    let start = span.map_or(0, |span| span.start).min(text.len());
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    ConfigError::Invalid {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        message: message
            .replace('\n', " ")
            // serde calls a list of TOML a sequence.
            .replace(
                "expected a sequence",
                "expected a list, such as `[\"a\", \"b\"]`",
            ),
    }
}

/// Returns the place of the first line that sets `key`, in any section. This is exact enough for a message.
pub(super) fn find_key(text: &str, key: &str) -> Option<std::ops::Range<usize>> {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let name = line
            .trim_start()
            .split(['=', ' '])
            .next()
            .unwrap_or_default();
        if name == key {
            return Some(offset + indent..offset + indent + key.len());
        }
        offset += line.len();
    }
    None
}
