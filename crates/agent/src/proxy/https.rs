//! The pieces of nginx's configuration for `[https]`: the server of HTTPS, the answers to the authority, the redirect.

use std::path::Path;

use anyhow::Result;
use flipless_settings::nginx::Version;
use flipless_settings::nginx::https::{LOCATIONS, NONE, SERVER, locations, server};
use flipless_settings::{FrontMode, Settings};

use super::advice::Advice;
use super::configuration::Configuration;
use crate::instance::paths::{NGINX, PROXY_STAGING};
use crate::instance::system::System;

mod common;
mod forwarded;
mod rivals;

/// The files of the pieces, as paths in nginx's folder.
const PIECES: [&str; 2] = [LOCATIONS, SERVER];

/// Returns whether nginx serves HTTPS with pieces of flipless.
pub fn is_on(settings: &Settings) -> bool {
    settings.front.mode == FrontMode::Nginx && !settings.https.domains.is_empty()
}

/// Returns whether flipless orders the certificate of HTTPS from an authority.
pub fn needs_authority(settings: &Settings) -> bool {
    is_on(settings) && settings.https.needs_authority()
}

/// Adds the pieces to EB's staged configuration, or removes those of an earlier version.
///
/// # Errors
/// If the configuration has no server to which the pieces fit, or if another server takes the requests of HTTPS.
pub fn stage(system: &System, bundle: &Path, settings: &Settings, version: Version) -> Result<()> {
    forwarded::take_out(system, PROXY_STAGING)?;
    if !is_on(settings) {
        return withdraw(system);
    }
    let mut configuration = Configuration::staged(system, bundle);
    for piece in PIECES {
        configuration = configuration.without(&format!("{NGINX}/{piece}"));
    }
    let common = common::find(&configuration, settings)?;
    rivals::refuse(&configuration, settings)?;
    let server = server(settings, version, &common);
    write(system, SERVER, &server)?;
    write(system, LOCATIONS, &locations(settings))?;
    forwarded::put_in(system, PROXY_STAGING)
}

/// Stages an empty file for each piece in force. EB copies this file over the piece in the flip; before the flip, the
/// version in force still serves HTTPS.
fn withdraw(system: &System) -> Result<()> {
    for piece in PIECES {
        match system.exists(format!("{NGINX}/{piece}")) {
            true => write(system, piece, NONE)?,
            false => system.remove(format!("{PROXY_STAGING}/{piece}"))?,
        }
    }
    Ok(())
}

fn write(system: &System, piece: &str, text: &str) -> Result<()> {
    system.write(format!("{PROXY_STAGING}/{piece}"), text.as_bytes(), 0o644)
}

/// Fails if nginx does not read the file with the server of HTTPS. `dump` is the output of `nginx -T`.
pub fn check_dump(dump: &str, settings: &Settings) -> Result<(), Advice> {
    let path = format!("{NGINX}/{SERVER}");
    let mut read = dump.lines();
    let line = format!("# configuration file {path}:");
    if !is_on(settings) || read.any(|said| said == line) {
        return Ok(());
    }
    Err(Advice {
        reason: format!(
            "nginx would not serve HTTPS for `[https] domains`, because the bundle's nginx.conf does not include {path}"
        ),
        hint: "add `include conf.d/*.conf;` to `http` in .platform/nginx/nginx.conf, as in EB's own file".into(),
    })
}

/// Removes pieces without content.
pub fn tidy(system: &System, configuration: &str) -> Result<()> {
    for piece in PIECES {
        let path = format!("{configuration}/{piece}");
        if system.read(&path)?.as_deref() == Some(NONE.as_bytes()) {
            system.remove(path)?;
        }
    }
    Ok(())
}

/// Removes all pieces from the configuration in force, and from the staged one. When the agent gives the instance back,
/// it also removes the certificate, and nginx could not start with a piece that names a missing certificate.
pub fn restore(system: &System) -> Result<()> {
    for configuration in [NGINX, PROXY_STAGING] {
        forwarded::take_out(system, configuration)?;
        for piece in PIECES {
            system.remove(format!("{configuration}/{piece}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
