//! `install-certificate`: tests a new certificate, which is the authority's newest or the owner's own, and makes nginx
//! load it.

use anyhow::Result;

use super::change::{change, say};
use crate::deployment::certificates;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::proxy::certificate;
use flipless_settings::layout;

/// Installs a new certificate, if there is one. Raises the alarm before the certificate expires, and ends the alarm
/// after a renewal.
pub fn install_certificate(system: &System) -> Result<()> {
    let installed = certificate::install(system);
    if let Ok(true) = installed {
        let settings = system.settings_in_force()?;
        say(&format!(
            "installed the certificate for {}",
            settings.https.domains.join(", ")
        ));
    }
    watch(system)?;
    installed.map(drop)
}

/// Returns whether systemd runs this command in `ExecStopPost=` because another command of the agent stops the unit
/// (`EXIT_STATUS` in systemd.exec(5)). The other command holds the locks and waits for the end of this command, so this
/// command must not take a lock.
pub fn is_being_stopped() -> bool {
    std::env::var("EXIT_STATUS").is_ok_and(|status| status == "TERM")
}

/// Raises or ends the alarm. Does nothing during a deployment, which holds the lock for minutes. The next call then
/// does the work.
fn watch(system: &System) -> Result<()> {
    if Systemd::new(system).is_active(layout::DEADMAN_TIMER)? {
        return Ok(());
    }
    change(system, "install-certificate", |state| {
        certificates::watch(system, state)
    })
}
