//! Parses a document in the same way as EB's own parser.

use serde::de::DeserializeOwned;
use serde_saphyr::options::DuplicateKeyPolicy;

/// The error for a configuration file that EB refuses. EB then refuses the whole version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// Why EB refuses the file.
    pub reason: String,
}

/// Returns the parser's reason in plain words, without the line and the column.
fn reason(said: &str) -> String {
    match said
        .rsplit_once(" at line ")
        .map_or(said, |(reason, _)| reason)
    {
        "expected mapping start" => "the file is not a mapping of sections".to_owned(),
        other => other.to_owned(),
    }
}

/// Reads a document. If a key occurs twice, the last value counts, as in EB's own parser.
pub(super) fn read<T: DeserializeOwned + Default>(text: &str) -> Result<T, SyntaxError> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    let read: Result<Option<T>, _> = serde_saphyr::from_str_with_options(text, options);
    read.map(Option::unwrap_or_default).map_err(|error| {
        let place = error.location();
        let said = error.to_string();
        SyntaxError {
            line: place.map_or(1, |place| place.line()),
            column: place.map_or(1, |place| place.column()),
            reason: reason(&said),
        }
    })
}
