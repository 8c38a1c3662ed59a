//! The units and files for the certificate of HTTPS on an instance.

use anyhow::Result;
use flipless_settings::{Settings, layout};

use super::environment::Environment;
use super::state::State;
use crate::instance::output::say;
use crate::instance::paths::UNITS;
use crate::instance::replaced::Replaced;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::proxy::advice::Advice;
use crate::proxy::{certificate, https};

pub mod at_flip;
mod progress;
mod status;
mod watch;

pub use status::{Status, status};
pub use watch::{is_about_certificate, watch};

/// The units for an authority's certificate, and those for the owner's own certificate. The last unit of each list is
/// the service that the other units start.
const RENEWAL: [&str; 2] = [layout::RENEWAL_TIMER, layout::RENEWAL];
const OWN: [&str; 3] = [
    layout::OWN_CERTIFICATE_PATH,
    layout::OWN_CERTIFICATE_TIMER,
    layout::OWN_CERTIFICATE,
];
/// The real folder of the program for certificates: [`layout::CERTIFICATES_STATE`] is a link to it.
const PRIVATE_STATE: &str = "/var/lib/private/flipless-certificates";

/// When the renewal of the certificate runs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At once, in the background.
    Now,
    /// When the timer starts the renewal.
    ByTimer,
}

/// Starts the units that renew the certificate, and removes the units and files that this version does not need. An
/// error is only a warning, because a deployment must not depend on the authority. Does nothing while a run is staged,
/// because the units on the disk may be those of the staged version.
pub fn settle(system: &System, state: &State, next: Next) {
    if state.staged.is_some() || state.current.is_none() {
        return;
    }
    if let Err(error) = try_settle(system, next) {
        say(&format!(
            "warning: cannot start the renewal of the certificate: {error:#}"
        ));
    }
}

fn try_settle(system: &System, next: Next) -> Result<()> {
    let settings = system.settings_in_force()?;
    let needed: &[&str] = match (https::is_on(&settings), &settings.https.certificate) {
        (false, _) => &[],
        (true, None) => &RENEWAL,
        (true, Some(_)) => &OWN,
    };
    let others = RENEWAL
        .into_iter()
        .chain(OWN)
        .filter(|unit| !needed.contains(unit));
    remove(system, others)?;
    if !https::is_on(&settings) {
        certificate::forget(system)?;
        // Without this file, the newest settings come into force. If the newest settings have HTTPS, they belong to a
        // discarded version, so the file stays.
        if system.settings().is_ok_and(|newest| !https::is_on(&newest)) {
            system.remove(layout::SETTINGS_IN_FORCE)?;
        }
    }
    if needed != RENEWAL {
        system.remove(layout::CERTIFICATES)?;
        system.remove(layout::ACCOUNT_HMAC)?;
    }
    let Some((service, triggers)) = needed.split_last() else {
        return Ok(());
    };
    let systemd = Systemd::new(system);
    for trigger in triggers {
        if systemd.property(trigger, "UnitFileState")? != "enabled" {
            systemd.enable(&[trigger])?;
        }
        systemd.start(trigger)?;
    }
    match next {
        Next::Now => systemd.start_later(service),
        Next::ByTimer => Ok(()),
    }
}

/// Saves the HMAC key of an account binding from changed environment properties. An error is only a warning.
pub fn keep_changed_hmac(system: &System, environment: &Environment) {
    let settings = system.settings_in_force();
    let hmac = settings.and_then(|settings| hmac(&settings, environment));
    let kept = hmac.and_then(|hmac| match hmac {
        Some(hmac) => system.write(layout::ACCOUNT_HMAC, hmac.as_bytes(), 0o600),
        None => Ok(()),
    });
    if let Err(error) = kept {
        say(&format!("warning: cannot save the new HMAC key: {error:#}"));
    }
}

/// Returns the HMAC key of an external account binding, from the environment's properties; `None` without a binding.
///
/// # Errors
/// If the property that the settings name is missing or empty.
pub fn hmac(settings: &Settings, environment: &Environment) -> Result<Option<String>> {
    let name = settings.https.account_hmac_property.as_ref();
    let Some(name) = name.filter(|_| https::needs_authority(settings)) else {
        return Ok(None);
    };
    let value = environment.get(name).map(|value| value.trim().to_owned());
    match value.filter(|value| !value.is_empty()) {
        Some(value) => Ok(Some(value)),
        None => Err(Advice {
            reason: format!(
                "the environment property {name}, which [https] account-hmac-property names, is missing"
            ),
            hint: format!("set {name} to the HMAC key that the authority has given you"),
        }
        .into()),
    }
}

/// Writes the HMAC key of a staged version at once if the instance has no key yet. Without the key's file, systemd does
/// not start the staged unit of the renewal (`LoadCredential=` in systemd.exec(5)). Without a key, the current version
/// has no account binding, so nothing changes for that version.
pub fn keep_first_hmac(system: &System, hmac: Option<&str>, replaced: &mut Replaced) -> Result<()> {
    match hmac.filter(|_| !system.exists(layout::ACCOUNT_HMAC)) {
        Some(hmac) => replaced.write(system, layout::ACCOUNT_HMAC, hmac.as_bytes(), 0o600),
        None => Ok(()),
    }
}

/// Removes the account's key and the newest certificate, because both belong to another instance.
pub fn forget_account(system: &System) -> Result<()> {
    // systemd makes a link to this folder, because the unit has a dynamic user (systemd.exec(5), StateDirectory=).
    system.remove(PRIVATE_STATE)?;
    system.remove(layout::CERTIFICATES_STATE)
}

/// Stops and removes each of these units that is installed.
fn remove<'a>(system: &System, units: impl Iterator<Item = &'a str>) -> Result<()> {
    let path = |unit: &str| format!("{UNITS}/{unit}");
    let units: Vec<&str> = units.filter(|unit| system.exists(path(unit))).collect();
    let systemd = Systemd::new(system);
    for unit in &units {
        systemd.stop(unit)?;
        if !unit.ends_with(".service") {
            systemd.disable(unit)?;
        }
        system.remove(path(unit))?;
    }
    match units.is_empty() {
        true => Ok(()),
        false => systemd.reload_units(),
    }
}
