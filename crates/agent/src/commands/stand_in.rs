//! The stand-ins: processes that EB stops and starts in place of the real ones.

use anyhow::{Context, Result};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::instance::memory;

/// What a stand-in stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandIn {
    Web,
    Nginx,
}

/// Waits for a stop signal and returns. SIGQUIT is the one that nginx.service's `KillSignal=` sends;
/// unhandled it would dump core, and systemd would call that a failure.
pub fn wait(service: StandIn) -> Result<()> {
    let mut signals =
        Signals::new([SIGTERM, SIGINT, SIGQUIT]).context("cannot handle the stop signals")?;
    if service == StandIn::Nginx {
        // web.service is Type=simple, as EB writes it: only nginx.service waits for this.
        sd_notify::notify(&[NotifyState::Ready]).context("cannot send READY=1 to systemd")?;
    }
    memory::drop_code_pages();
    signals.forever().next();
    Ok(())
}
