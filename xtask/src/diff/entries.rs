//! The differences between the entries of two bundles.

use std::collections::BTreeMap;

use serde::Serialize;
use similar::TextDiff;

use crate::bundle::{Bundle, Entry};
use crate::ui;
use crate::ui::printable;

/// One entry that differs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    path: String,
    /// The old entry; `None` if the entry is new.
    old: Option<Side>,
    /// The new entry; `None` if the entry was removed.
    new: Option<Side>,
    /// The changed lines of a text, as `diff` writes them.
    lines: Option<String>,
}

/// An entry in one of the bundles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Side {
    /// Whether the entry is a symbolic link. The content of a link is its target.
    link: bool,
    mode: String,
    bytes: u64,
    sha256: String,
}

/// Compares the entries, in the order of their names.
pub fn compare(old: &Bundle, new: &Bundle) -> Vec<Difference> {
    let mut pairs: BTreeMap<&str, (Option<&Entry>, Option<&Entry>)> = BTreeMap::new();
    for entry in &old.entries {
        pairs.entry(&entry.name).or_default().0 = Some(entry);
    }
    for entry in &new.entries {
        pairs.entry(&entry.name).or_default().1 = Some(entry);
    }
    let differences = pairs.into_iter().map(|(path, (old, new))| Difference {
        path: path.to_owned(),
        lines: lines(old, new),
        old: old.map(Side::of),
        new: new.map(Side::of),
    });
    differences
        .filter(|difference| difference.old != difference.new)
        .collect()
}

/// Returns the changed lines, if both entries are texts that the checks read.
fn lines(old: Option<&Entry>, new: Option<&Entry>) -> Option<String> {
    let text = |entry: &Entry| Some(String::from_utf8_lossy(entry.text()?).into_owned());
    let (old, new) = (text(old?)?, text(new?)?);
    if old == new {
        return None;
    }
    let diff = TextDiff::from_lines(&old, &new);
    Some(diff.unified_diff().context_radius(0).to_string())
}

impl Side {
    fn of(entry: &Entry) -> Self {
        Self {
            link: entry.is_link(),
            mode: format!("{:04o}", entry.mode.unwrap_or(0) & 0o7777),
            bytes: entry.bytes,
            sha256: entry.sha256.clone(),
        }
    }
}

impl Difference {
    /// Returns one line for the entry, and below it the changed lines of the text.
    pub fn describe(&self) -> String {
        let path = printable(&self.path);
        let size = |side: &Side| {
            let kind = if side.link { "link" } else { &side.mode };
            format!("{kind}, {}", ui::size(side.bytes))
        };
        let mut text = match (&self.old, &self.new) {
            (None, Some(new)) => format!("added    {path}  ({})\n", size(new)),
            (Some(old), None) => format!("removed  {path}  ({})\n", size(old)),
            (Some(old), Some(new)) if size(old) == size(new) => {
                format!("changed  {path}  ({}, different content)\n", size(new))
            }
            (Some(old), Some(new)) => format!("changed  {path}  ({} → {})\n", size(old), size(new)),
            (None, None) => String::new(),
        };
        for line in self.lines.iter().flat_map(|lines| lines.lines()) {
            text += &format!("         {}\n", printable(line));
        }
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn bundle(files: &[(&str, &str, u32)]) -> Bundle {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text, mode) in files {
            let options = SimpleFileOptions::default().unix_permissions(*mode);
            writer.start_file(*name, options).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        let zip = writer.finish().unwrap();
        let bytes = zip.get_ref().len() as u64;
        let bundle = Bundle::read(zip, bytes);
        assert!(bundle.fault.is_none());
        bundle
    }

    fn described(old: &[(&str, &str, u32)], new: &[(&str, &str, u32)]) -> String {
        let differences = compare(&bundle(old), &bundle(new));
        differences.iter().map(Difference::describe).collect()
    }

    #[test]
    fn added_removed_and_changed_entries_are_listed_by_name() {
        let old = [
            ("a", "gone", 0o644),
            ("b.sh", "same", 0o644),
            ("same", "same", 0o644),
        ];
        let new = [
            ("b.sh", "same", 0o755),
            ("c", "new", 0o644),
            ("same", "same", 0o644),
        ];
        assert_eq!(
            described(&old, &new),
            "removed  a  (0644, 4 B)\n\
             changed  b.sh  (0644, 4 B → 0755, 4 B)\n\
             added    c  (0644, 3 B)\n"
        );
        assert_eq!(described(&old, &old), "");
    }

    #[test]
    fn a_file_that_became_a_link_is_listed_and_no_name_controls_the_terminal() {
        let name = "a\u{1b}[2J";
        let old = bundle(&[(name, "v2", 0o777)]);
        let mut new = bundle(&[(name, "v2", 0o777)]);
        new.entries[0].mode = Some(0o120_777);
        let differences = compare(&old, &new);
        let told: String = differences.iter().map(Difference::describe).collect();
        let expected = "changed  a\\u{1b}[2J  (0777, 2 B → link, 2 B)\n";
        assert_eq!(told, expected);
    }

    #[test]
    fn the_changed_lines_of_a_unit_are_shown() {
        let unit = |limit: &str| format!("[Service]\nLimitNOFILE={limit}\nUser=webapp\n");
        let (old, new) = (unit("10"), unit("20"));
        let said = described(
            &[("systemd/x.service", &old, 0o644)],
            &[("systemd/x.service", &new, 0o644)],
        );
        assert!(said.contains("-LimitNOFILE=10"), "{said}");
        assert!(said.contains("+LimitNOFILE=20"), "{said}");
        assert!(!said.contains("webapp"), "{said}");
    }
}
