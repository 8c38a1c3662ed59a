//! A bundle's settings of HTTPS, and the certificate authority that a rehearsal uses instead of the bundle's.

use std::path::Path;

use flipless_settings::{Https, layout};
use serde_json::Value;

use super::{BundleError, Changes, changed, settings};
use crate::authority;

/// Returns a bundle's settings of HTTPS. For a bundle without flipless, they have no domain.
pub fn settings(bundle: &Path) -> Result<Https, BundleError> {
    let settings = settings::read(bundle)?;
    Ok(settings.map_or_else(Https::default, |settings| settings.https))
}

/// Writes the copy of a bundle that a rehearsal deploys. The copy differs from the original only if the bundle has
/// HTTPS: then the settings in the copy name the rehearsal's authority.
pub fn rehearsed(original: &Path, copy: &Path) -> Result<(), BundleError> {
    let text = settings::text(original)?;
    let text = text.filter(|_| settings(original).is_ok_and(|https| !https.domains.is_empty()));
    let Some(text) = text else {
        let copied = std::fs::copy(original, copy);
        return copied
            .map(drop)
            .map_err(|error| BundleError::File(original.display().to_string(), error));
    };
    let text = with_our_authority(&text).map_err(|error| settings::unreadable(original, error))?;
    let files = [(layout::SETTINGS_FILE, text.as_str(), 0o644)];
    let changes = Changes {
        files: &files,
        ..Changes::default()
    };
    changed(original, copy, &changes)
}

/// Returns the settings with the rehearsal's authority. Removes the profile and the account, because those of another
/// authority don't exist in pebble.
fn with_our_authority(settings: &str) -> serde_json::Result<String> {
    let mut settings: Value = serde_json::from_str(settings)?;
    let https = &mut settings["https"];
    https["directory"] = authority::DIRECTORY.into();
    https["trusted_root"] = authority::ROOT.into();
    for other in ["profile", "account_key_id", "account_hmac_property"] {
        https[other] = Value::Null;
    }
    serde_json::to_string_pretty(&settings)
}
