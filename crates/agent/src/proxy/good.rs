//! A copy of the last configuration that nginx has loaded. EB copies files to /etc/nginx and deletes nothing
//! there. Without this copy, a bad file of a failed deployment would stay, and every later deployment would fail.

use anyhow::Result;
use flipless_settings::layout;

use super::nginx;
use crate::instance::digest::of_tree;
use crate::instance::mirror::mirror;
use crate::instance::output::say;
use crate::instance::paths::NGINX;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// The folder of the copy. Only root may read it, because it may contain keys.
const GOOD: &str = "/var/lib/flipless/nginx-good";

/// Copies the configuration in force, which nginx has loaded or accepts.
///
/// Prints only a warning on failure, for example on a full disk. The old copy may then remain.
pub fn keep(system: &System) {
    if let Err(error) = replace(system) {
        say(&format!(
            "warning: cannot save a copy of the proxy configuration: {error:#}"
        ));
    }
}

/// Replaces the copy. The copy is complete or absent: [`restore`] of a partial copy would remove files from
/// /etc/nginx.
fn replace(system: &System) -> Result<()> {
    if is_kept(system)? {
        return Ok(());
    }
    let new = format!("{GOOD}.new");
    system.remove(&new)?;
    mirror(system, NGINX, &new)?;
    if of_tree(system, &new)? != of_tree(system, NGINX)? {
        // EB is writing to /etc/nginx at the same time, so the copy may be a mixture. The flip makes another copy.
        return system.remove(&new);
    }
    system.remove(GOOD)?;
    system.rename(&new, GOOD)
}

/// Returns whether the copy has the same content as /etc/nginx.
fn is_kept(system: &System) -> Result<bool> {
    Ok(system.exists(GOOD) && of_tree(system, GOOD)? == of_tree(system, NGINX)?)
}

/// Restores the copy to /etc/nginx. Returns whether there was a copy.
pub fn restore(system: &System) -> Result<bool> {
    match system.exists(GOOD) {
        true => mirror(system, GOOD, NGINX).map(|()| true),
        false => Ok(false),
    }
}

/// Removes the copy, because EB's own nginx takes over.
pub fn forget(system: &System) -> Result<()> {
    system.remove(GOOD)
}

/// Copies the configuration in force before a deployment. If nginx refuses this configuration, an interrupted flip may
/// have left bad files in it. Then the function restores the copy instead.
///
/// EB's stand-in of nginx is stopped only in a flip, so it is active if no flip was interrupted. Then a hook,
/// `.ebextensions` or a person has changed the files. They may need a file that this deployment adds, such as a
/// `limit_req_zone`. So they stay, and the test of the new configuration decides.
pub fn settle(system: &System) -> Result<()> {
    // If the copy is up to date, there is nothing to copy and nothing to restore. So most deployments need no test of
    // this configuration.
    if is_kept(system).unwrap_or(false) {
        return Ok(());
    }
    let Err(error) = nginx::test(system) else {
        keep(system);
        return Ok(());
    };
    if Systemd::new(system).is_active(layout::NGINX)? {
        return Ok(());
    }
    let why = nginx::first_line(&error);
    if restore(system)? {
        say(&format!(
            "restored /etc/nginx, since nginx refused the files of an interrupted deployment: {why}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
