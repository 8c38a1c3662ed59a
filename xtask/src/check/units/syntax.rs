//! Reads the bundle's units, each with its drop-ins (systemd.unit(5)).

use std::collections::BTreeMap;

use flipless_settings::unit_file::{self, Directive};

use crate::bundle::Bundle;

/// The folder of the units in the bundle.
pub const FOLDER: &str = "systemd/";

/// A unit with its drop-ins, or only the drop-ins if the bundle lacks the unit's own file.
#[derive(Debug, Default)]
pub struct Unit {
    /// The name, such as `flipless-app@.service`.
    pub name: String,
    /// The directives, in the order in which systemd reads them.
    pub directives: Vec<Directive>,
}

/// All units of the bundle, sorted by name.
pub fn read(bundle: &Bundle) -> Vec<Unit> {
    let texts = bundle.entries.iter().filter_map(|entry| {
        let text = String::from_utf8_lossy(entry.text()?);
        Some((entry.name.strip_prefix(FOLDER)?, text))
    });
    // A unit's file sorts before its drop-ins, which are in the folder `NAME.d`.
    let sorted: BTreeMap<_, _> = texts.collect();
    let mut units: BTreeMap<&str, Unit> = BTreeMap::new();
    for (path, text) in sorted {
        let name = path.split_once(".d/").map_or(path, |(unit, _)| unit);
        let unit = units.entry(name).or_default();
        unit.name = name.into();
        unit.directives.extend(unit_file::parse(&text));
    }
    units.into_values().collect()
}

impl Unit {
    /// Returns the effective value of a key. systemd uses the last value.
    pub fn get<'a>(&'a self, section: &'a str, key: &'a str) -> Option<&'a str> {
        self.all(section, key).next_back()
    }

    /// All values of a key, in order.
    pub fn all<'a>(
        &'a self,
        section: &'a str,
        key: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a str> {
        unit_file::values(&self.directives, section, key)
    }

    /// Whether a boolean is set and true.
    pub fn is_true(&self, section: &str, key: &str) -> bool {
        let truth = ["1", "yes", "y", "true", "t", "on"];
        let value = self.get(section, key).unwrap_or_default();
        truth.contains(&value.to_lowercase().as_str())
    }

    /// Whether the unit's name has this suffix, such as `.socket`.
    pub fn is(&self, kind: &str) -> bool {
        self.name.ends_with(kind)
    }
}
