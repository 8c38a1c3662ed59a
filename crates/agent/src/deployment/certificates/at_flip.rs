//! The changes that a staged version makes to HTTPS. They wait in a folder with the name of the run, and take effect
//! when this run becomes current. So a version that EB never flips to changes nothing. If nginx crashes before the
//! flip, it starts again with the certificate of the current version.

use anyhow::Result;
use flipless_settings::{Settings, layout};

use crate::deployment::state::{Run, State};
use crate::instance::output::say;
use crate::instance::replaced::Replaced;
use crate::instance::system::System;
use crate::proxy::{certificate, front, https};

/// Contains the folder of the staged run, which may contain a private key.
const FOLDER: &str = "/var/lib/flipless/at-flip";
/// The settings of the staged version.
const SETTINGS: &str = "settings.json";
/// The certificate of the staged version, if this version needs another one than the current version.
const CERTIFICATE: &str = "certificate.pem";
/// The HMAC key of the staged version's account, if the account has a key.
const HMAC: &str = "account-hmac";

/// The changes that a run brings besides its settings.
pub struct Files<'a> {
    /// The certificate, if it differs from the installed one.
    pub certificate: Option<&'a [u8]>,
    /// The HMAC key of an account binding.
    pub hmac: Option<&'a str>,
}

/// Copies the installed settings to the file of the settings in force, if that file does not exist yet and HTTPS is on
/// before or after the flip. Afterwards `stage` installs the settings of the new bundle.
pub fn keep_settings(
    system: &System,
    state: &State,
    settings: &Settings,
    replaced: &mut Replaced,
) -> Result<()> {
    let is_kept = system.exists(layout::SETTINGS_IN_FORCE);
    let is_damaged = system.settings().is_err();
    if state.current.is_none() || is_kept || is_damaged || !matters(system, settings) {
        return Ok(());
    }
    match system.read(layout::SETTINGS)? {
        Some(content) => replaced.update(system, layout::SETTINGS_IN_FORCE, &content, 0o644),
        None => Ok(()),
    }
}

/// Saves the changes of HTTPS that this run brings. Afterwards the caller saves the run in the state.
pub fn note(system: &System, run: &Run, settings: &Settings, files: &Files<'_>) -> Result<()> {
    forget(system)?;
    if !matters(system, settings) {
        return Ok(());
    }
    let folder = format!("{FOLDER}/{}", run.run);
    system.make_private_folder(FOLDER)?;
    let hmac = files.hmac.map(str::as_bytes);
    for (name, content) in [(CERTIFICATE, files.certificate), (HMAC, hmac)] {
        if let Some(content) = content {
            system.write(format!("{folder}/{name}"), content, 0o600)?;
        }
    }
    // This file comes last, because a folder with this file counts as complete.
    let content = settings.to_json()?;
    system.write(format!("{folder}/{SETTINGS}"), content.as_bytes(), 0o644)
}

/// Returns whether HTTPS is on before or after the flip. Also returns true if the settings in force are damaged, so
/// that the flip replaces them.
fn matters(system: &System, settings: &Settings) -> bool {
    let in_force = system.settings_in_force();
    https::is_on(settings) || in_force.map_or(true, |before| https::is_on(&before))
}

/// Puts the changes of the current run into effect. A second call completes an interrupted call.
pub fn take_effect(system: &System, run: &Run) -> Result<()> {
    let folder = format!("{FOLDER}/{}", run.run);
    if !system.exists(&folder) {
        return Ok(());
    }
    // A renewal that has begun with the old settings must not replace the new certificate.
    let _lock = front::lock(system, "flip")?;
    let Some(settings) = system.read(format!("{folder}/{SETTINGS}"))? else {
        return Ok(());
    };
    system.write(layout::SETTINGS_IN_FORCE, &settings, 0o644)?;
    let hmac = format!("{folder}/{HMAC}");
    if system.exists(&hmac) {
        system.rename(hmac, layout::ACCOUNT_HMAC)?;
    }
    let waiting = format!("{folder}/{CERTIFICATE}");
    if system.exists(&waiting) {
        certificate::replace(system, &waiting)?;
    }
    system.remove(folder)
}

/// Does the same as [`take_effect`] in a handover. An error is only a warning, because a handover must not stop
/// half-way. `commit` tries again.
pub fn take_effect_or_warn(system: &System, run: &Run) {
    if let Err(error) = take_effect(system, run) {
        say(&format!(
            "warning: HTTPS keeps the settings and the certificate of the previous version: {error:#}"
        ));
    }
}

/// Removes the saved changes of a discarded run.
pub fn forget(system: &System) -> Result<()> {
    system.remove(FOLDER)
}
