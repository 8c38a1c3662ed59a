//! The environments on the disk: that of EB's own file, and that of a release.

use anyhow::{Context, Result};
use flipless_settings::layout;

use super::file::{Environment, written};
use super::reader::read;
use crate::instance::paths::ENVIRONMENT;
use crate::instance::system::System;

/// A copy of EB's file, from the last flip.
const LAST: &str = "/var/lib/flipless/environment-of-eb";

/// Reads EB's own file; `None` if there is none. EB writes this file in the flip, and before it restarts the
/// application. On stock EB `web.service` reads this file.
pub(super) fn of_eb(system: &System) -> Result<Option<Environment>> {
    read_file(system, ENVIRONMENT)
}

/// Reads the environment of a release.
pub(super) fn of_release(system: &System, release: &str) -> Result<Environment> {
    let path = format!("{}/{release}/environment", layout::RELEASES);
    let environment = read_file(system, &path)?;
    environment
        .with_context(|| format!("{path} is missing; deploy the bundle of this release again"))
}

/// Reads the copy that [`remember`] has made; `None` if there is none, or if it is damaged.
pub fn last_of_eb(system: &System) -> Option<Environment> {
    read_file(system, LAST).ok().flatten()
}

/// Keeps EB's file as it was in the flip, so that a restart finds out what EB has changed since then. On failure prints
/// a warning. The restart then compares EB's file with the environment of the release instead.
pub fn remember(system: &System, file: Option<&Environment>) {
    let copied = match file {
        Some(file) => system.write(LAST, written(file).as_bytes(), 0o600),
        None => system.remove(LAST),
    };
    if let Err(error) = copied {
        // A restart must not compare with an older copy. It would treat the changes of this deployment as changes that
        // EB has made after the flip.
        let _ = system.remove(LAST);
        eprintln!("flipless: warning: cannot keep a copy of EB's environment file: {error:#}");
    }
}

fn read_file(system: &System, path: &str) -> Result<Option<Environment>> {
    let content = system.read(path)?;
    let environment = content.map(|content| read(&content)).transpose();
    environment.with_context(|| format!("systemd can't read {path}"))
}
