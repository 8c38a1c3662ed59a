//! EB's copy of its nginx files in the flip.
//!
//! EB stops the stand-in of nginx, copies the staged files to /etc/nginx, and starts the stand-in again. During the
//! copy /etc/nginx is a mixture of two configurations. cp(1) also empties each existing file before it writes the
//! content, even if the content stays the same. So nginx must not load its configuration during the copy.

use std::time::Duration;

use anyhow::Result;
use flipless_settings::layout;

use super::view::View;
use super::{processes, times};
use crate::instance::paths::{NGINX, PROXY_STAGING};
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Returns whether EB may be copying its files, or may be about to copy them. Both are possible while the stand-in is
/// stopped: EB stops the stand-in before the copy, and starts it afterwards.
///
/// A deployment that was interrupted in the flip leaves the stand-in stopped. So this function returns `false` again
/// after the time that a deployment may take (`dead-man-seconds`).
pub fn may_copy(system: &System) -> Result<bool> {
    let systemd = Systemd::new(system);
    match systemd.state(layout::NGINX)?.as_str() {
        "deactivating" => Ok(true),
        "inactive" => {
            let limit = system.settings()?.deploy.dead_man_seconds;
            let stopped = systemd.property(layout::NGINX, "InactiveEnterTimestampMonotonic")?;
            let stopped: u64 = stopped.parse().unwrap_or_default();
            let elapsed = system
                .commands()
                .uptime()
                .saturating_sub(Duration::from_micros(stopped).as_secs());
            // systemd shows 0 for a unit that has not been active in this boot (systemctl(1)).
            Ok(stopped > 0 && elapsed < limit)
        }
        // "activating": EB has completed the copy. "failed": EB ends the deployment.
        _ => Ok(false),
    }
}

/// Returns whether nginx may have loaded a mixture, because its workers started during EB's last copy. For example,
/// another program has reloaded nginx, or nginx has crashed.
pub fn was_mixed(view: &View, master: u32) -> Result<bool> {
    let clock = times::Clock::of(view.system);
    let staged = times::files(&view.system.locate(PROXY_STAGING));
    let folder = view.system.locate(view.place(NGINX));
    let copied: Vec<_> = staged
        .iter()
        .filter_map(|file| clock.change(&folder.join(file)))
        .collect();
    let (Some(first), Some(last)) = (copied.iter().min(), copied.iter().max()) else {
        return Ok(false);
    };
    let workers = processes::workers(view.system, master)?;
    let mut starts = workers
        .iter()
        .filter_map(|pid| processes::start(view.system, *pid));
    Ok(starts.any(|start| start + times::TICK >= *first && start <= *last))
}

#[cfg(test)]
mod tests;
