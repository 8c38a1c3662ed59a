//! Checks the settings that the bundle contains for the instance.

use flipless_settings::{Settings, layout};

use super::outcome::Check;

/// Checks that the settings are readable: every command of the agent reads them first.
pub fn check(settings: &Result<Settings, String>) -> Check {
    let findings = settings.as_ref().err().cloned().into_iter().collect();
    let fine = format!("in {}", layout::SETTINGS_FILE);
    Check::of("settings", findings, fine)
}
