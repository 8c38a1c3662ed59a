//! Reads the section `option_settings`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

/// The namespace of environment properties, and of an option without one.
pub const PROPERTIES: &str = "aws:elasticbeanstalk:application:environment";

/// An option of the environment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OptionSetting {
    /// Its namespace, for example [`PROPERTIES`].
    #[serde(default = "properties")]
    pub namespace: String,
    /// Its name. In the namespace [`PROPERTIES`], this is the name of an environment property.
    pub option_name: String,
    /// Its value, as written in the file.
    #[serde(default, deserialize_with = "super::scalars::text")]
    pub value: String,
}

fn properties() -> String {
    PROPERTIES.to_owned()
}

/// Reads `NAMESPACE: {NAME: VALUE}`, or a list of options, each with namespace, option_name and value.
pub(super) fn either<'de, D: Deserializer<'de>>(
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
