//! Tests the proxy configuration that EB has staged, and adds the bundle's own pieces to it.

use std::path::Path;

use anyhow::{Context, Result};
use flipless_settings::Settings;
use flipless_settings::nginx::{KEEPALIVE, UPSTREAM, knows_keepalive};

use super::probe::Probe;
use super::{good, nginx, retry};
use crate::instance::paths::{NGINX, PROXY_STAGING};
use crate::instance::system::System;

/// Tests EB's staged proxy configuration in the form that it will have after the flip. EB itself tests it only
/// after it has stopped nginx. Also adds the bundle's own pieces, if nginx accepts them.
pub fn test(system: &System, bundle: &Path, settings: &Settings) -> Result<()> {
    nginx::forget_tests(system)?;
    if !system.exists(PROXY_STAGING) {
        return Ok(());
    }
    good::settle(system)?;
    let port = settings.server.port;
    add_keepalive(system, bundle)?;
    retry::stage(system, bundle, port)?;
    let probe = Probe::new(system, bundle, settings)?;
    let mut tested = probe.run();
    let pieces: [(&str, TakeOut); 2] = [
        (
            "the repetition of requests that a crash of the server interrupts",
            take_out_retry,
        ),
        (
            "the setting that keeps idle connections open during a reload",
            take_out_keepalive,
        ),
    ];
    for (without, take_out) in pieces {
        let Err(error) = &tested else {
            break;
        };
        let why = nginx::first_line(error);
        if take_out(system, port)? {
            tested = probe.run();
            if tested.is_ok() {
                eprintln!("flipless: warning: left out {without}, since nginx refused it: {why}");
            }
        }
    }
    tested.context("cannot use the proxy configuration of this deployment")
}

/// Removes one of the bundle's pieces from the staged configuration. Returns whether the piece was there.
type TakeOut = fn(&System, u16) -> Result<bool>;

fn take_out_retry(system: &System, port: u16) -> Result<bool> {
    let was_in = system.exists(format!("{PROXY_STAGING}/conf.d/{UPSTREAM}"));
    retry::restore(system, PROXY_STAGING, port).map(|()| was_in)
}

fn take_out_keepalive(system: &System, _: u16) -> Result<bool> {
    let piece = format!("{PROXY_STAGING}/conf.d/{KEEPALIVE}");
    let was_in = system.exists(&piece);
    system.remove(piece).map(|()| was_in)
}

/// Adds the bundle's keep-alive setting to EB's staged configuration, if nginx knows the setting.
fn add_keepalive(system: &System, bundle: &Path) -> Result<()> {
    let Some(setting) = system.read_in(bundle, format!("nginx/{KEEPALIVE}"))? else {
        return Ok(());
    };
    if !knows_keepalive(nginx::version(system)?) {
        return Ok(());
    }
    system.write(
        format!("{PROXY_STAGING}/conf.d/{KEEPALIVE}"),
        &setting,
        0o644,
    )
}

/// Removes all pieces of flipless from the configuration in force.
pub fn restore_configuration(system: &System, port: u16) -> Result<()> {
    // The copy would be outdated if flipless were installed again.
    good::forget(system)?;
    system.remove(format!("{NGINX}/conf.d/{KEEPALIVE}"))?;
    retry::restore(system, NGINX, port)
}

#[cfg(test)]
mod tests;
