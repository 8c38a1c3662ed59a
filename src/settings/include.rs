//! Extra files to ship.

use serde::{Deserialize, Deserializer, Serialize};

use super::RelativePath;

/// A file or folder to ship: `"public"`, or `{ from = "web/dist", to = "public" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Include {
    /// Where it is, relative to `flipless.toml`.
    pub from: RelativePath,
    /// Where it goes in the zip.
    pub to: RelativePath,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FromTo {
    from: RelativePath,
    to: Option<RelativePath>,
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
        Ok(Include {
            to: from.clone(),
            from,
        })
    }

    fn visit_map<M: serde::de::MapAccess<'de>>(self, map: M) -> Result<Include, M::Error> {
        let FromTo { from, to } =
            FromTo::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(Include {
            to: to.unwrap_or_else(|| from.clone()),
            from,
        })
    }
}

impl<'de> Deserialize<'de> for Include {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Spelling)
    }
}
