//! The proxy configuration that EB has staged, tested as it will be in force after the flip.

use std::path::Path;

use anyhow::{Context, Result};
use flipless_settings::Settings;
use flipless_settings::nginx::{KEEPALIVE, KEEPALIVE_SINCE, UPSTREAM};

use super::probe::Probe;
use super::{good, nginx, retry};
use crate::instance::paths::{NGINX, PROXY_STAGING};
use crate::instance::system::System;

/// Tests EB's staged proxy configuration as it will be in force after the flip: EB copies it over
/// /etc/nginx, deletes nothing there, and tests it only after it has stopped nginx. Adds the bundle's own pieces
/// if nginx accepts them.
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
            "second try for what a server that dies has begun",
            take_out_retry,
        ),
        (
            "protection of idle connections in a reload",
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
                eprintln!("flipless: warning: this configuration has no {without}: {why}");
            }
        }
    }
    tested.context("the proxy configuration of this deployment can't be used")
}

/// Takes one of our pieces out of the staged configuration, and says whether it was in it.
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

/// Adds the bundle's keep-alive setting to EB's staged configuration where nginx knows it.
fn add_keepalive(system: &System, bundle: &Path) -> Result<()> {
    let Some(setting) = system.read_in(bundle, format!("nginx/{KEEPALIVE}"))? else {
        return Ok(());
    };
    if nginx::version(system)? < KEEPALIVE_SINCE {
        return Ok(());
    }
    system.write(
        format!("{PROXY_STAGING}/conf.d/{KEEPALIVE}"),
        &setting,
        0o644,
    )
}

/// Takes all that is ours out of the configuration in force.
pub fn restore_configuration(system: &System, port: u16) -> Result<()> {
    // It would be an old one when flipless comes again.
    good::forget(system)?;
    system.remove(format!("{NGINX}/conf.d/{KEEPALIVE}"))?;
    retry::restore(system, NGINX, port)
}

#[cfg(test)]
mod tests;
