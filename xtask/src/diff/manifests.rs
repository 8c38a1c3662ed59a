//! The differences between the manifests of two bundles.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::ui::printable;

/// Fields that are not compared. They follow from the content, which `entries.rs` compares. The checks also depend on
/// the machine.
const LEFT_OUT: [&str; 6] = ["bytes", "checks", "entries", "label", "sbom", "sha256"];

/// One field that differs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The name, such as `git.commit`.
    field: String,
    /// The value in the old manifest; `None` if this manifest lacks the field.
    old: Option<Value>,
    /// The value in the new manifest; `None` if this manifest lacks the field.
    new: Option<Value>,
}

/// Compares all fields, in the order of their names. The function also compares fields that this version of flipless
/// does not know.
pub fn compare(old: &Value, new: &Value) -> Vec<Difference> {
    let (old, new) = (fields(old), fields(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differences = names.into_iter().map(|name| Difference {
        field: name.clone(),
        old: old.get(name).cloned(),
        new: new.get(name).cloned(),
    });
    differences
        .filter(|difference| difference.old != difference.new)
        .collect()
}

fn fields(manifest: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let top = manifest.as_object().into_iter().flatten();
    for (name, value) in top.filter(|(name, _)| !LEFT_OUT.contains(&name.as_str())) {
        flatten(name, value, &mut found);
    }
    found
}

fn flatten(name: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Null => {}
        Value::Object(inner) => inner
            .iter()
            .for_each(|(key, value)| flatten(&format!("{name}.{key}"), value, found)),
        value => {
            found.insert(name.to_owned(), value.clone());
        }
    }
}

impl Difference {
    /// One line that describes the difference.
    pub fn describe(&self) -> String {
        let side = |value: &Option<Value>| match value {
            None => "unknown".to_owned(),
            Some(Value::String(text)) => printable(text),
            Some(value) => printable(&value.to_string()),
        };
        let (old, new) = (side(&self.old), side(&self.new));
        format!("manifest {}  ({old} → {new})\n", printable(&self.field))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest() -> Value {
        json!({
            "zip": "shop-1.0.0-x86_64.zip",
            "target": "x86_64-unknown-linux-gnu",
            "git": { "commit": "0123", "dirty": false },
            "flipless": "0.1.0",
            "rustc": "rustc 1.95.0",
            "glibc": "GLIBC_2.34",
            "sha256": "aa", "bytes": 1, "label": "shop-1.0.0-aa", "sbom": "a.cdx.json", "entries": [], "checks": [],
        })
    }

    /// The line that describes a change of this field.
    fn changed(pointer: &str, value: Value) -> String {
        let (old, mut new) = (manifest(), manifest());
        if let Some(place) = new.pointer_mut(pointer) {
            *place = value;
        }
        let differences = compare(&old, &new);
        differences.iter().map(Difference::describe).collect()
    }

    #[test]
    fn every_field_that_does_not_follow_from_the_content_is_compared() {
        for (pointer, value, expected) in [
            ("/git/commit", json!("4567"), "git.commit  (0123 → 4567)"),
            ("/git/dirty", json!(true), "git.dirty  (false → true)"),
            (
                "/rustc",
                json!("rustc 1.96.0"),
                "rustc  (rustc 1.95.0 → rustc 1.96.0)",
            ),
            (
                "/target",
                json!("musl"),
                "target  (x86_64-unknown-linux-gnu → musl)",
            ),
            ("/glibc", Value::Null, "glibc  (GLIBC_2.34 → unknown)"),
            ("/flipless", json!("0.2.0"), "flipless  (0.1.0 → 0.2.0)"),
            (
                "/zip",
                json!("a.zip"),
                "zip  (shop-1.0.0-x86_64.zip → a.zip)",
            ),
        ] {
            assert_eq!(changed(pointer, value), format!("manifest {expected}\n"));
        }
        for pointer in [
            "/sha256", "/bytes", "/label", "/sbom", "/entries", "/checks",
        ] {
            assert_eq!(changed(pointer, json!(["other"])), "", "{pointer}");
        }
    }

    #[test]
    fn a_new_repository_and_a_field_of_a_later_version_are_listed() {
        let (mut old, mut new) = (manifest(), manifest());
        old["git"] = Value::Null;
        new["later"] = json!(["x"]);
        let told: String = compare(&old, &new)
            .iter()
            .map(Difference::describe)
            .collect();
        assert_eq!(
            told,
            "manifest git.commit  (unknown → 0123)\n\
             manifest git.dirty  (unknown → false)\n\
             manifest later  (unknown → [\"x\"])\n"
        );
        assert_eq!(compare(&old, &old), []);
    }

    #[test]
    fn a_manifest_cannot_control_a_terminal() {
        assert!(!changed("/rustc", json!("\u{1b}[2J")).contains('\u{1b}'));
    }
}
