//! The server's user, which is part of EB's platform.

use anyhow::{Result, bail};

use crate::instance::system::System;

/// The user as which the units run the server.
pub const NAME: &str = "webapp";

/// Checks that the user exists, before anything starts. systemd's own error would only be status 217/USER.
///
/// # Errors
/// If /etc/passwd has no such user (passwd(5)).
pub fn check(system: &System) -> Result<()> {
    let users = system.read("/etc/passwd")?.unwrap_or_default();
    let entry = format!("{NAME}:");
    if users
        .split(|byte| *byte == b'\n')
        .any(|line| line.starts_with(entry.as_bytes()))
    {
        return Ok(());
    }
    bail!(
        "the instance has no user `{NAME}`, which has to run the server: Elastic Beanstalk's platforms have this \
         user; elsewhere create it with `useradd --system --user-group {NAME}`"
    )
}
