//! `.ebextensions/*.config`, which EB reads as YAML or JSON when a version is deployed.

use saphyr_parser::{Event, Parser};

use super::outcome::Check;
use crate::bundle::Bundle;

const FOLDER: &str = ".ebextensions/";
const ENDING: &str = ".config";

/// Every file can be read, and is a mapping.
pub fn check(bundle: &Bundle) -> Check {
    let files = bundle.entries.iter().filter_map(|entry| {
        let name = entry.name.strip_prefix(FOLDER)?;
        let read = name.ends_with(ENDING) && !name.contains('/');
        Some((&entry.name, entry.text().filter(|_| read)?))
    });
    let findings = files.clone().filter_map(|(name, text)| fault(name, text));
    let findings = findings.collect();
    let fine = format!("{} files that EB can read", files.count());
    Check::of("ebextensions", findings, fine).with_hint("YAML is indented by spaces, never by tabs")
}

fn fault(name: &str, text: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(text) else {
        return Some(format!("{name} is not UTF-8"));
    };
    // JSON may have tabs.
    if serde_json::from_str::<serde_json::Map<_, _>>(text).is_ok() {
        return None;
    }
    let mut root = None;
    // Events only: aliases in aliases would fill the memory of a tree.
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, _)) if root.is_none() => root = is_root(&event),
            Ok(_) => {}
            Err(error) => {
                let (line, why) = (error.marker().line(), error.info());
                return Some(format!("{name}:{line}: {why}"));
            }
        }
    }
    (root == Some(false)).then(|| format!("{name} is not a mapping"))
}

/// Whether the first value is a mapping, or nothing; none if there is none yet.
fn is_root(event: &Event) -> Option<bool> {
    match event {
        Event::MappingStart(..) => Some(true),
        Event::Scalar(value, ..) => Some(value.is_empty() || value == "~" || value == "null"),
        Event::SequenceStart(..) | Event::Alias(_) => Some(false),
        _ => None,
    }
}
