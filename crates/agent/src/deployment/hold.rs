//! The hold of a run: while its file is there, a server that is ready does not accept.
//!
//! Every run starts held. The handover ends the hold, so that a run that was started in vain never answered
//! anybody. The files are in `/run`: after a boot, a run that starts accepts at once.

use anyhow::Result;
use flipless_settings::layout;

use crate::instance::system::System;

/// Holds a run that is about to start.
pub fn hold(system: &System, run: &str) -> Result<()> {
    system.write(path(run), b"", 0o644)
}

/// Ends the hold: the server accepts from now on.
pub fn release(system: &System, run: &str) -> Result<()> {
    system.remove(path(run))
}

/// Whether the run is held. A server without the library accepts all the same.
pub fn is_held(system: &System, run: &str) -> bool {
    system.exists(path(run))
}

fn path(run: &str) -> String {
    format!("{}/{run}", layout::HELD)
}
