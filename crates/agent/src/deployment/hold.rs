//! The hold of a run: while its file exists, a ready server accepts no connections.
//!
//! Every run starts held, and the handover ends the hold. So a run that is discarded before its handover has never
//! answered a request. The files are in `/run`, which is empty after a boot. So a run that starts at boot accepts
//! connections at once.

use anyhow::Result;
use flipless_settings::layout;

use super::out_of_memory;
use crate::instance::system::System;

/// Holds a run that is about to start.
pub fn hold(system: &System, run: &str) -> Result<()> {
    out_of_memory::prefer(system, run)?;
    system.write(path(run), b"", 0o644)
}

/// Ends the hold: from now on the server accepts connections.
pub fn release(system: &System, run: &str) -> Result<()> {
    system.remove(path(run))
}

/// Returns whether the run is held. A server that uses neither the library nor the relay ignores the hold.
pub fn is_held(system: &System, run: &str) -> bool {
    system.exists(path(run))
}

fn path(run: &str) -> String {
    format!("{}/{run}", layout::HELD)
}
