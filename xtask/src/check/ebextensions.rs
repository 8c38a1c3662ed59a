//! `.ebextensions/*.config`. EB reads these files as YAML or JSON when it deploys a version.

use flipless_settings::ebextensions;

use super::outcome::Check;
use crate::bundle::Bundle;

/// Checks that every file is valid and contains a mapping.
pub fn check(bundle: &Bundle) -> Check {
    let files = bundle.entries.iter().filter_map(|entry| {
        let read = ebextensions::is_config_file(&entry.name);
        Some((&entry.name, entry.text().filter(|_| read)?))
    });
    let findings = files.clone().filter_map(|(name, text)| fault(name, text));
    let findings = findings.collect();
    let fine = format!("{} files that EB can read", files.count());
    Check::of("ebextensions", findings, fine).with_hint("indent YAML with spaces, not with tabs")
}

fn fault(name: &str, text: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(text) else {
        return Some(format!("{name} is not UTF-8"));
    };
    // JSON may contain tabs.
    if serde_json::from_str::<serde_json::Map<_, _>>(text).is_ok() {
        return None;
    }
    let error = ebextensions::sections(text).err()?;
    Some(format!("{name}:{}: {}", error.line, error.reason))
}
