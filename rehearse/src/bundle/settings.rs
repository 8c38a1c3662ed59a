//! The settings in a bundle.

use std::io::{self, Read};
use std::path::Path;

use flipless_settings::{FrontMode, Settings, layout};
use zip::result::ZipError;

use super::error::BundleError;
use super::open;

/// Reads at most this many bytes of a bundle's settings.
const MOST: u64 = 1 << 20;

/// Returns a bundle's front mode. For a bundle without flipless, it is `stock`.
pub fn front_mode(bundle: &Path) -> Result<FrontMode, BundleError> {
    Ok(read(bundle)?.map_or(FrontMode::Stock, |settings| settings.front.mode))
}

/// Returns a bundle's settings; `None` for a bundle without flipless.
pub(super) fn read(bundle: &Path) -> Result<Option<Settings>, BundleError> {
    let Some(text) = text(bundle)? else {
        return Ok(None);
    };
    let settings = Settings::from_json(text.as_bytes());
    settings
        .map(Some)
        .map_err(|error| unreadable(bundle, error))
}

/// Returns the text of a bundle's settings; `None` for a bundle without flipless.
pub(super) fn text(bundle: &Path) -> Result<Option<String>, BundleError> {
    let mut archive = open(bundle)?;
    let file = match archive.by_name(layout::SETTINGS_FILE) {
        Err(ZipError::FileNotFound) => return Ok(None),
        file => file.map_err(|error| BundleError::Zip(bundle.display().to_string(), error))?,
    };
    let text = io::read_to_string(file.take(MOST));
    text.map(Some)
        .map_err(|error| BundleError::File(bundle.display().to_string(), error))
}

pub(super) fn unreadable(bundle: &Path, error: serde_json::Error) -> BundleError {
    let place = format!("{} in {}", layout::SETTINGS_FILE, bundle.display());
    BundleError::File(place, error.into())
}
