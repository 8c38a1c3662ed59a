//! The settings that the bundle carries to the instance.

use flipless_settings::layout;

use super::outcome::Check;
use crate::bundle::Bundle;

/// The agent reads them before it does anything.
pub fn check(bundle: &Bundle) -> Check {
    let findings = bundle.settings().err().into_iter().collect();
    let fine = format!("in {}", layout::SETTINGS_FILE);
    Check::of("settings", findings, fine)
}
