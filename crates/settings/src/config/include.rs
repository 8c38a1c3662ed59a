//! Extra files to ship.

use serde::{Deserialize, Deserializer, Serialize};

use super::{RelativePath, Word};

/// A file or folder to ship: `"public"`, or `{ from = "web/dist", to = "public", … }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Include {
    /// Where it is, relative to `flipless.toml`.
    pub from: RelativePath,
    /// Where it goes in the zip.
    pub to: RelativePath,
    /// The mode of all its files; as on the disk unless set.
    pub mode: Option<Mode>,
    /// Globs of what stays out: one with a `/` is relative to `from`, others match at any depth.
    pub exclude: Vec<Word>,
    /// What becomes of symbolic links.
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

/// Who may do what with a file; `webapp` reads them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Only read.
    #[serde(rename = "0644")]
    Plain,
    /// Read and run.
    #[serde(rename = "0755")]
    Executable,
}

/// What becomes of symbolic links in an include; none is ever left out in silence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symlinks {
    /// An error.
    #[default]
    Refuse,
    /// What they point to is shipped in their place.
    Follow,
    /// Shipped as links, if they point to something in the bundle.
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

/// Both spellings; a map is read by [`FromTo`] itself, so that its errors stay exact.
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
