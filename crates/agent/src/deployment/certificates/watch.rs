//! The alarm before the certificate expires.

use anyhow::Result;
use flipless_settings::layout;

use super::progress;
use crate::deployment::alarm;
use crate::deployment::state::State;
use crate::instance::output::say;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::proxy::{certificate, https};

/// The beginning of the alarm's reason.
const ALARM: &str = "the certificate of HTTPS";
/// For this many seconds after a handover, no alarm is raised, because EB may still check the processes.
const DEPLOYMENT_SECONDS: u64 = 900;

/// The alarm for the owner's own certificate begins at most this many seconds before the certificate expires. Without
/// this limit, the alarm for a one-year certificate would begin two months before.
const OWN_SECONDS: i64 = 14 * 86_400;

/// Returns whether an alarm is about the certificate. A renewal ends such an alarm, too.
pub fn is_about_certificate(reason: &str) -> bool {
    reason.starts_with(ALARM)
}

/// Raises the alarm if less than a sixth of the certificate's life is left. For the owner's own certificate, at most 14
/// days must be left, too. Ends the alarm after a renewal. The caller holds the lock.
pub fn watch(system: &System, state: &State) -> Result<()> {
    let settings = system.settings_in_force()?;
    let of_certificate = alarm::reason(system)?.filter(|reason| is_about_certificate(reason));
    let now = system.commands().unix_time();
    let own = settings.https.certificate.as_deref();
    let longest = own.map_or(i64::MAX, |_| OWN_SECONDS);
    let ends_soon = match https::is_on(&settings) {
        true => certificate::installed(system)?.filter(|found| found.ends_soon(now, longest)),
        false => None,
    };
    let Some(found) = ends_soon else {
        return of_certificate.map_or(Ok(()), |_| alarm::end(system));
    };
    if alarm::reason(system)?.is_some() || is_deploying(system, state, now)? {
        return Ok(());
    }
    let said = match own {
        Some(path) => Some(format!("replace {path}")),
        None => progress::read(system).and_then(|progress| progress.last_error),
    };
    let reason = format!(
        "{ALARM} for {} expires in {}: {}",
        settings.https.domains.join(", "),
        progress::days(found.left(now)),
        said.as_deref().unwrap_or("the authority was not asked")
    );
    say(&reason);
    alarm::raise(system, &reason)
}

/// Returns whether EB may be in a deployment. The alarm would make such a deployment fail.
fn is_deploying(system: &System, state: &State, now: u64) -> Result<bool> {
    let last = state.handover.as_ref().map_or(0, |handover| handover.at);
    Ok(state.staged.is_some()
        || now.saturating_sub(last) < DEPLOYMENT_SECONDS
        || Systemd::new(system).is_active(layout::DEADMAN_TIMER)?)
}
