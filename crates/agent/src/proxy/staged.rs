//! Tests the proxy configuration that EB has staged, and adds the bundle's own pieces to it.

use std::path::Path;

use anyhow::{Context, Result};
use flipless_settings::Settings;
use flipless_settings::nginx::{KEEPALIVE, UPSTREAM};

use super::probe::Probe;
use super::{asked_for, good, https, keepalive, nginx, retry};
use crate::instance::paths::{NGINX, PROXY_STAGING};
use crate::instance::system::System;

/// Tests EB's staged proxy configuration in the form that it will have after the flip. EB itself tests it only
/// after it has stopped nginx. Also adds the bundle's own pieces, if nginx accepts them.
pub fn test(system: &System, bundle: &Path, settings: &Settings) -> Result<()> {
    nginx::forget_tests(system)?;
    if !system.exists(PROXY_STAGING) {
        // EB has no files for nginx, for example if the environment has another proxy server.
        return asked_for::check(system, settings);
    }
    good::settle(system)?;
    let port = settings.server.port;
    let version = nginx::version(system)?;
    keepalive::stage(system, bundle, version)?;
    retry::stage(system, bundle, port, version)?;
    https::stage(system, bundle, settings, version)?;
    let probe = Probe::new(system, bundle, settings)?;
    let mut tested = probe.run();
    // Each closure removes a piece from the staged configuration, and returns whether the piece was there.
    let take_out_retry = || take_out_retry(system, port);
    let take_out_keepalive = || keepalive::take_out(system, bundle);
    let pieces: [(&str, &dyn Fn() -> Result<bool>); 2] = [
        (
            "the repetition of requests that a crash of the server interrupts",
            &take_out_retry,
        ),
        (
            "the setting that keeps idle connections open during a reload",
            &take_out_keepalive,
        ),
    ];
    for (without, take_out) in pieces {
        let Err(error) = &tested else {
            break;
        };
        let why = nginx::first_line(error);
        if take_out()? {
            tested = probe.run();
            if tested.is_ok() {
                eprintln!("flipless: warning: left out {without}, since nginx refused it: {why}");
            }
        }
    }
    tested.context("cannot use the proxy configuration of this deployment")
}

fn take_out_retry(system: &System, port: u16) -> Result<bool> {
    let was_in = system.exists(format!("{PROXY_STAGING}/conf.d/{UPSTREAM}"));
    retry::restore(system, PROXY_STAGING, port).map(|()| was_in)
}

/// Removes all pieces of flipless from the configuration in force.
pub fn restore_configuration(system: &System, port: u16) -> Result<()> {
    // The copy of the configuration would be outdated if flipless were installed again.
    good::forget(system)?;
    system.remove(format!("{NGINX}/conf.d/{KEEPALIVE}"))?;
    https::restore(system)?;
    retry::restore(system, NGINX, port)
}

#[cfg(test)]
mod tests;
