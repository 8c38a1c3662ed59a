//! Values as people write them: a scalar is the text in the file, whatever type YAML gives it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_saphyr::options::DuplicateKeyPolicy;

use super::{OptionSetting, SyntaxError, Words};

/// EB's own parser takes the last of two equal keys.
pub(super) fn document<T: DeserializeOwned + Default>(text: &str) -> Result<T, SyntaxError> {
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
            reason: said
                .rsplit_once(" at line ")
                .map_or(said.clone(), |(reason, _)| reason.to_owned()),
        }
    })
}

/// A section by its names; one without content is empty.
pub(super) fn section<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A scalar's text; nothing is empty.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// `true`, also as text.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = text(deserializer)?.to_ascii_lowercase();
    Ok(matches!(text.as_str(), "true" | "yes" | "1"))
}

/// `NAMESPACE: {NAME: VALUE}`, or a list of namespace, option_name and value.
pub(super) fn options<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<OptionSetting>, D::Error> {
    deserializer.deserialize_any(Options)
}

struct Options;

impl<'de> Visitor<'de> for Options {
    type Value = Vec<OptionSetting>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("namespaces with their options, or a list of options")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut options = Vec::new();
        while let Some(option) = list.next_element()? {
            options.push(option);
        }
        Ok(options)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut options = Vec::new();
        while let Some(namespace) = map.next_key::<String>()? {
            let values: BTreeMap<String, Option<String>> = map.next_value()?;
            options.extend(
                values
                    .into_iter()
                    .map(|(option_name, value)| OptionSetting {
                        namespace: namespace.clone(),
                        option_name,
                        value: value.unwrap_or_default(),
                    }),
            );
        }
        Ok(options)
    }
}

/// A command's line, or its program and arguments.
pub(super) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Words, D::Error> {
    deserializer.deserialize_any(WordsVisitor)
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a command, or a list of a program and its arguments")
    }

    fn visit_str<E: de::Error>(self, line: &str) -> Result<Words, E> {
        Ok(Words::Line(line.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = list.next_element()? {
            words.push(word);
        }
        Ok(Words::List(words))
    }
}
