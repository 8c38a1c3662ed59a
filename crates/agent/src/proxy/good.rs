//! The last configuration that nginx has loaded. EB copies over /etc/nginx and deletes nothing there: after a
//! failed deployment a bad file would stay, and fail every later one.

use anyhow::Result;

use super::nginx;
use crate::instance::digest::of_tree;
use crate::instance::mirror::mirror;
use crate::instance::output::say;
use crate::instance::paths::NGINX;
use crate::instance::system::System;

/// The copy. It may hold keys, so that it is root's alone.
const GOOD: &str = "/var/lib/flipless/nginx-good";

/// Keeps the configuration in force: nginx has loaded it, or accepts it.
///
/// A full disk fails no deployment here; the copy is then that of an earlier one.
pub fn keep(system: &System) {
    if let Err(error) = replace(system) {
        say(&format!(
            "warning: the proxy configuration could not be kept: {error:#}"
        ));
    }
}

/// A copy is complete or absent: a part of one would take files out of /etc/nginx.
fn replace(system: &System) -> Result<()> {
    if system.exists(GOOD) && of_tree(system, GOOD)? == of_tree(system, NGINX)? {
        return Ok(());
    }
    let new = format!("{GOOD}.new");
    system.remove(&new)?;
    mirror(system, NGINX, &new)?;
    system.remove(GOOD)?;
    system.rename(&new, GOOD)
}

/// Puts the last one back, and says whether there was one.
pub fn restore(system: &System) -> Result<bool> {
    match system.exists(GOOD) {
        true => mirror(system, GOOD, NGINX).map(|()| true),
        false => Ok(false),
    }
}

/// From here on EB's own nginx decides.
pub fn forget(system: &System) -> Result<()> {
    system.remove(GOOD)
}

/// Before a deployment: keeps the configuration in force, or takes out what an interrupted deployment brought
/// into it.
pub fn settle(system: &System) -> Result<()> {
    let Err(error) = nginx::test(system) else {
        keep(system);
        return Ok(());
    };
    let why = nginx::first_line(&error);
    if restore(system)? {
        say(&format!(
            "/etc/nginx was restored, since nginx refused what an earlier deployment left: {why}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
