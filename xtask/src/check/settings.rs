//! Checks the settings that the bundle contains for the instance.

use flipless_settings::{Settings, layout};

use super::outcome::Check;

/// Checks that the settings are readable: every command of the agent reads them first.
pub fn check(settings: &Result<Settings, String>) -> Check {
    let findings = settings.as_ref().err().cloned().into_iter().collect();
    let fine = format!("in {}", layout::SETTINGS_FILE);
    let warnings = settings.as_ref().ok().and_then(home_without_redirect);
    Check::of("settings", findings, fine).with_warnings(warnings.as_slice())
}

/// Warns if the health path is the home page. EB's health checks need an answer on port 80, so nginx does not
/// redirect their path to HTTPS.
fn home_without_redirect(settings: &Settings) -> Option<String> {
    let https = &settings.https;
    let is_home = settings.server.health_path.split('?').next() == Some("/");
    let host = https
        .domains
        .first()
        .filter(|_| https.redirect && is_home)?;
    Some(format!(
        "http://{host}/ is not redirected to HTTPS, because the health path is `/`. Choose another path, such as \
         `[server] health-path = \"/health\"`"
    ))
}
