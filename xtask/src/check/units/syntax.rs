//! Units as systemd reads them (systemd.syntax(7), systemd.unit(5)).

use std::collections::BTreeMap;

use crate::check::bundle::Bundle;

/// Where the bundle has its units.
pub const FOLDER: &str = "systemd/";

/// One `Key=Value`, with its section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Without brackets.
    pub section: String,
    /// Left of the `=`.
    pub key: String,
    /// Right of it.
    pub value: String,
}

/// One unit with its drop-ins: of a unit that the bundle lacks, the drop-ins alone.
#[derive(Debug, Default)]
pub struct Unit {
    /// Such as `flipless-app@.service`.
    pub name: String,
    /// In the order in which systemd reads them.
    pub settings: Vec<Setting>,
}

/// All units in the bundle, by their names.
pub fn read(bundle: &Bundle) -> Vec<Unit> {
    let texts = bundle.entries.iter().filter_map(|entry| {
        let text = String::from_utf8_lossy(entry.text()?);
        Some((entry.name.strip_prefix(FOLDER)?, text))
    });
    // A unit's file sorts before its drop-ins: they are a folder of its name and `.d`.
    let sorted: BTreeMap<_, _> = texts.collect();
    let mut units: BTreeMap<&str, Unit> = BTreeMap::new();
    for (path, text) in sorted {
        let name = path.split_once(".d/").map_or(path, |(unit, _)| unit);
        let unit = units.entry(name).or_default();
        unit.name = name.into();
        unit.settings.extend(parse(&text));
    }
    units.into_values().collect()
}

fn parse(text: &str) -> Vec<Setting> {
    // Comments are dropped first: one inside a continued line does not end it.
    let comment = |line: &&str| line.trim_start().starts_with(['#', ';']);
    let mut joined = String::new();
    for line in text.lines().filter(|line| !comment(line)) {
        match line.strip_suffix('\\') {
            Some(start) => joined.extend([start, " "]),
            None => joined.extend([line, "\n"]),
        }
    }
    let mut section = "";
    let mut settings = Vec::new();
    for line in joined.lines().map(str::trim) {
        let header = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'));
        section = header.unwrap_or(section);
        if let Some((key, value)) = line.split_once('=').filter(|_| header.is_none()) {
            settings.push(Setting {
                section: section.into(),
                key: key.trim().into(),
                value: value.trim().into(),
            });
        }
    }
    settings
}

impl Unit {
    /// The value in force: systemd takes the last one.
    pub fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.all(section, key).last()
    }

    /// All values of a key, in their order.
    pub fn all(&self, section: &str, key: &str) -> impl DoubleEndedIterator<Item = &str> {
        let same = move |setting: &&Setting| setting.section == section && setting.key == key;
        self.settings
            .iter()
            .filter(same)
            .map(|setting| setting.value.as_str())
    }

    /// A boolean that is set and true.
    pub fn is_true(&self, section: &str, key: &str) -> bool {
        let truth = ["1", "yes", "y", "true", "t", "on"];
        let value = self.get(section, key).unwrap_or_default();
        truth.contains(&value.to_lowercase().as_str())
    }

    /// Of this kind, such as `.socket`.
    pub fn is(&self, kind: &str) -> bool {
        self.name.ends_with(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_comments_and_continued_lines_are_read_as_systemd_does() {
        let text = "[Unit]\nA=1\n# B=2\n[Service]\nA = 2\nExecStart=x \\\n; y\n  z\nA=3\nA\n";
        let name = String::new();
        let settings = parse(text);
        let unit = Unit { name, settings };
        assert_eq!(unit.get("Unit", "A"), Some("1"));
        assert_eq!(unit.get("Service", "A"), Some("3"));
        assert_eq!(unit.get("Unit", "B"), None);
        let words = unit.get("Service", "ExecStart").map(str::split_whitespace);
        assert!(words.is_some_and(|words| words.eq(["x", "z"])));
    }
}
