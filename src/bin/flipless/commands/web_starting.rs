//! `web-starting`: the stand-in is about to start.

use anyhow::Result;

use crate::alarm;
use crate::system::System;

/// Ends the alarm where somebody asked for this start: a deployment, "restart app server", a person; not
/// where systemd starts the stand-in again by itself. Takes no lock: the stand-in waits for nothing here.
pub fn web_starting(system: &System) -> Result<()> {
    match alarm::restarted_by_systemd(system)? {
        true => Ok(()),
        false => alarm::clear(system),
    }
}
