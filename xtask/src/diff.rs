//! `cargo xtask diff`: what changed between two bundles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::println;
use anyhow::{Result, bail};
use serde::Serialize;
use similar::TextDiff;

use crate::check::{self, bundle::Bundle, bundle::Entry};
use crate::ui;

/// `cargo xtask diff`
#[derive(clap::Args)]
pub struct Args {
    /// The older bundle
    #[arg(value_name = "A.ZIP", value_parser = crate::existing_file)]
    old: PathBuf,
    /// The newer bundle
    #[arg(value_name = "B.ZIP", value_parser = crate::existing_file)]
    new: PathBuf,
    /// Exit with 1 when they differ, as `git diff` does
    #[arg(long)]
    exit_code: bool,
    /// Print the differences as JSON
    #[arg(long)]
    json: bool,
}

/// One entry that is not the same in both.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Difference {
    path: String,
    /// None: it is new.
    old: Option<Side>,
    /// None: it is gone.
    new: Option<Side>,
    /// The changed lines of a text, as `diff` writes them.
    lines: Option<String>,
}

/// An entry in one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Side {
    mode: String,
    bytes: u64,
    sha256: String,
}

/// Compares two bundles and prints what differs.
pub fn run(args: &Args) -> Result<ExitCode> {
    let (old, new) = (open(&args.old)?, open(&args.new)?);
    let differences = compare(&old, &new);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&differences)?);
    } else {
        differences
            .iter()
            .for_each(|difference| print!("{}", difference.describe()));
    }
    let count = differences.len();
    ui::status("Compared", format!("{count} of the entries differ"));
    Ok(match args.exit_code && count > 0 {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// What can't be read whole is not compared: a difference would be missing in silence.
fn open(path: &Path) -> Result<Bundle> {
    let bundle = check::open(path)?;
    match &bundle.fault {
        Some(fault) => bail!("{}: {fault}", path.display()),
        None => Ok(bundle),
    }
}

/// In the order of the names.
fn compare(old: &Bundle, new: &Bundle) -> Vec<Difference> {
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

/// The changed lines, where both are texts that a check reads.
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
            mode: format!("{:04o}", entry.mode.unwrap_or(0) & 0o7777),
            bytes: entry.bytes,
            sha256: entry.sha256.clone(),
        }
    }
}

impl Difference {
    /// A line for the entry, and its changed lines below.
    fn describe(&self) -> String {
        let path = &self.path;
        let size = |side: &Side| format!("{}, {}", side.mode, ui::size(side.bytes));
        let mut text = match (&self.old, &self.new) {
            (None, Some(new)) => format!("added    {path}  ({})\n", size(new)),
            (Some(old), None) => format!("removed  {path}  ({})\n", size(old)),
            (Some(old), Some(new)) if old.mode == new.mode && old.bytes == new.bytes => {
                format!("changed  {path}  ({}, another content)\n", size(new))
            }
            (Some(old), Some(new)) => format!("changed  {path}  ({} → {})\n", size(old), size(new)),
            (None, None) => String::new(),
        };
        for line in self.lines.iter().flat_map(|lines| lines.lines()) {
            text += &format!("         {line}\n");
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
    fn what_was_added_removed_and_changed_is_told_in_the_order_of_the_names() {
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
