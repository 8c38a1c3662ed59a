//! Reads a scalar as its text in the file, whatever type YAML gives it.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer};

/// Reads a section as a map. A section without content is empty.
pub(super) fn section<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads a scalar's text. A missing value is the empty text.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads a boolean. The texts `true`, `yes` and `1` mean true.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = text(deserializer)?.to_ascii_lowercase();
    Ok(matches!(text.as_str(), "true" | "yes" | "1"))
}
