//! Extra files to ship.

use serde::{Deserialize, Deserializer, Serialize};

use super::{RelativePath, Word};

/// A file or folder to ship: `"public"`, or `{ from = "web/dist", to = "public", … }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Include {
    /// The source path, relative to `flipless.toml`.
    pub from: RelativePath,
    /// The path in the zip.
    pub to: RelativePath,
    /// The mode of all its files. By default, a file keeps its executable bit.
    pub mode: Option<Mode>,
    /// Globs of the files to leave out. A glob with a `/` is relative to `from`; others match at any depth.
    pub exclude: Vec<Word>,
    /// How to treat symbolic links.
    pub symlinks: Symlinks,
}

impl Include {
    fn new(from: RelativePath, to: Option<RelativePath>) -> Self {
        Self {
            to: to.unwrap_or_else(|| from.clone()),
            from,
            mode: None,
            exclude: Vec::new(),
            symlinks: Symlinks::default(),
        }
    }
}

/// The permissions of a file. `webapp` may read every file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// A file to read.
    #[serde(rename = "0644")]
    Plain,
    /// A file to read and to run.
    #[serde(rename = "0755")]
    Executable,
}

/// How to treat symbolic links in an include. `dist` never omits a link silently.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symlinks {
    /// A link is an error.
    #[default]
    Refuse,
    /// The zip gets the link's target in place of the link.
    Follow,
    /// The zip gets the link, which has to point into the bundle.
    Keep,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FromTo {
    from: RelativePath,
    to: Option<RelativePath>,
    mode: Option<Mode>,
    #[serde(default)]
    exclude: Vec<Word>,
    #[serde(default)]
    symlinks: Symlinks,
}

/// Reads both spellings. A map goes to [`FromTo`], whose errors name the exact place.
struct Spelling;

impl<'de> serde::de::Visitor<'de> for Spelling {
    type Value = Include;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .write_str("a path such as \"public\", or { from = \"web/dist\", to = \"public\" }")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Include, E> {
        let from = RelativePath::deserialize(serde::de::value::StrDeserializer::new(text))?;
        Ok(Include::new(from, None))
    }

    fn visit_map<M: serde::de::MapAccess<'de>>(self, map: M) -> Result<Include, M::Error> {
        let read = FromTo::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(Include {
            mode: read.mode,
            exclude: read.exclude,
            symlinks: read.symlinks,
            ..Include::new(read.from, read.to)
        })
    }
}

impl<'de> Deserialize<'de> for Include {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Spelling)
    }
}
