//! The settings that the bundle carries to the instance.

use flipless_settings::{Settings, layout};

use super::outcome::Check;

/// The agent reads them before it does anything.
pub fn check(settings: &Result<Settings, String>) -> Check {
    let findings = settings.as_ref().err().cloned().into_iter().collect();
    let fine = format!("in {}", layout::SETTINGS_FILE);
    Check::of("settings", findings, fine)
}
