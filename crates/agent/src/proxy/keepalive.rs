//! The bundle's piece of nginx's configuration that keeps idle connections open while nginx replaces its workers.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use flipless_settings::nginx::{
    KEEPALIVE, MIN_TIMEOUT, Version, keepalive_for, knows_keepalive, parse_time,
};

use super::configuration::{Configuration, MAIN};
use super::syntax::{self, Directive};
use crate::instance::paths::{NGINX, PROXY_STAGING};
use crate::instance::system::System;

/// nginx's default for `keepalive_timeout`.
const DEFAULT: Duration = Duration::from_secs(75);

/// Adds the piece to EB's staged configuration. The piece sets `keepalive_min_timeout` to the largest
/// `keepalive_timeout` of the configuration. Leaves the piece out if nginx does not support `keepalive_min_timeout`, or
/// if the user sets it.
pub fn stage(system: &System, bundle: &Path, version: Version) -> Result<()> {
    let in_force = format!("{NGINX}/conf.d/{KEEPALIVE}");
    let largest = match knows_keepalive(version) {
        true => largest(
            &Configuration::staged(system, bundle)
                .without(&in_force)
                .tree(MAIN),
        ),
        false => None,
    };
    if largest.is_some() {
        return write(system, bundle, largest);
    }
    // EB copies files to /etc/nginx and deletes nothing there, so nginx would read the piece of an earlier
    // deployment.
    system.remove(in_force)?;
    system.remove(staged())
}

/// Takes the setting out of the staged configuration, because nginx refuses it. Returns whether it was there.
pub fn take_out(system: &System, bundle: &Path) -> Result<bool> {
    let piece = system.read(staged())?.unwrap_or_default();
    if syntax::parse(&String::from_utf8_lossy(&piece)).is_empty() {
        return Ok(false);
    }
    match system.exists(format!("{NGINX}/conf.d/{KEEPALIVE}")) {
        // In the flip this file replaces the piece of an earlier deployment.
        true => write(system, bundle, None)?,
        false => system.remove(staged())?,
    }
    Ok(true)
}

fn staged() -> String {
    format!("{PROXY_STAGING}/conf.d/{KEEPALIVE}")
}

fn write(system: &System, bundle: &Path, timeout: Option<Duration>) -> Result<()> {
    let Some(piece) = system.read_in(bundle, format!("nginx/{KEEPALIVE}"))? else {
        return Ok(());
    };
    let piece = keepalive_for(&String::from_utf8_lossy(&piece), timeout);
    system.write(staged(), piece.as_bytes(), 0o644)
}

/// Returns the longest time for which nginx keeps an idle connection of a client; `None` if the configuration sets
/// `keepalive_min_timeout` itself.
///
/// nginx closes an idle connection after `keepalive_timeout` in any case. If `keepalive_min_timeout` has the same
/// value, nginx closes no idle connection earlier (ngx_http_set_keepalive).
fn largest(tree: &[Directive]) -> Option<Duration> {
    let mut largest = Duration::ZERO;
    for http in tree.iter().filter(|directive| directive.name() == "http") {
        let is_set = |name| {
            syntax::all(&http.block)
                .iter()
                .any(|found| found.name() == name)
        };
        if is_set(MIN_TIMEOUT) {
            return None;
        }
        if !http.block.iter().any(|found| found.name() == TIMEOUT) {
            largest = largest.max(DEFAULT);
        }
        largest = largest.max(longest(&http.block));
    }
    Some(largest)
}

const TIMEOUT: &str = "keepalive_timeout";

fn longest(directives: &[Directive]) -> Duration {
    let times = directives.iter().map(|directive| match directive.name() {
        TIMEOUT => directive
            .arguments()
            .first()
            .and_then(|text| parse_time(text))
            .unwrap_or_default(),
        // In an `upstream`, the directive limits connections to the servers.
        "upstream" => Duration::ZERO,
        _ => longest(&directive.block),
    });
    times.max().unwrap_or_default()
}

#[cfg(test)]
mod tests;
