//! The environments on the disk: the one in EB's own file, and the one of a release.

use anyhow::{Context, Result};
use flipless_settings::layout;

use super::file::Environment;
use super::reader::read;
use crate::instance::paths::ENVIRONMENT;
use crate::instance::system::System;

/// A copy of EB's file, from the last flip or restart.
const LAST: &str = "/var/lib/flipless/environment-of-eb";

/// Reads EB's own file; `None` if there is none. EB writes it in the flip and before it restarts the application,
/// and EB's `web.service` would serve with it.
pub(super) fn of_eb(system: &System) -> Result<Option<Environment>> {
    read_file(system, ENVIRONMENT)
}

/// Reads the environment of a release.
pub(super) fn of_release(system: &System, release: &str) -> Result<Environment> {
    let path = format!("{}/{release}/environment", layout::RELEASES);
    let environment = read_file(system, &path)?;
    environment.with_context(|| format!("{path} is missing; deploy its bundle again"))
}

/// Reads the copy that [`remember`] has made; `None` if there is none, or if it is damaged.
pub(super) fn last_of_eb(system: &System) -> Option<Environment> {
    read_file(system, LAST).ok().flatten()
}

/// Copies EB's file, so that a later restart finds out what EB has changed. Prints a warning on failure: the
/// restart then compares with the release instead.
pub fn remember(system: &System) {
    let copy = || match system.read(ENVIRONMENT)? {
        Some(content) => system.write(LAST, &content, 0o600),
        None => system.remove(LAST),
    };
    if let Err(error) = copy() {
        eprintln!("flipless: warning: cannot keep a copy of EB's environment file: {error:#}");
    }
}

fn read_file(system: &System, path: &str) -> Result<Option<Environment>> {
    let content = system.read(path)?;
    let environment = content.map(|content| read(&content)).transpose();
    environment.with_context(|| format!("systemd would not read {path}"))
}
