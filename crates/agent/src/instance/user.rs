//! The server's user, which the platform brings.

use anyhow::{Result, bail};

use crate::instance::system::System;

/// Whom the units run the server as.
pub const NAME: &str = "webapp";

/// Looks before anything starts: systemd would say no more than status 217/USER.
///
/// # Errors
/// When there is no such user in /etc/passwd (passwd(5)).
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
        "there is no user `{NAME}`, as whom the server runs: Elastic Beanstalk's platforms have it; \
         elsewhere `useradd --system --user-group {NAME}` makes it"
    )
}
