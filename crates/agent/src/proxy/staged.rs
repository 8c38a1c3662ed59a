//! The proxy configuration that EB has staged, tested as it will be in force after the flip.

use std::path::Path;

use anyhow::{Context, Result};
use flipless_settings::nginx::{KEEPALIVE, KEEPALIVE_SINCE};

use super::{nginx, retry};
use crate::instance::paths::{NGINX, PROXY_STAGING};
use crate::instance::system::System;

/// Tests EB's staged proxy configuration as it will be in force after the flip: EB copies it over
/// /etc/nginx, deletes nothing there, and tests it only after it has stopped nginx.
pub fn test(system: &System, bundle: &Path, port: u16) -> Result<()> {
    if !system.exists(PROXY_STAGING) {
        return Ok(());
    }
    add_keepalive(system, bundle)?;
    let leads = retry::stage(system, bundle, port)?;
    let mut tested = test_copy(system);
    if let (true, Err(error)) = (leads, &tested) {
        let why = nginx::first_line(error);
        retry::restore(system, PROXY_STAGING, port)?;
        tested = test_copy(system);
        if tested.is_ok() {
            eprintln!(
                "flipless: warning: this configuration has no second try for what a server that \
                 dies has begun: {why}"
            );
        }
    }
    tested.context("the proxy configuration of this deployment can't be used")
}

/// Tests a copy of what is in force with what is staged over it.
fn test_copy(system: &System) -> Result<()> {
    let folder = nginx::test_folder();
    system.remove(&folder)?;
    // A copy may hold keys: for root alone.
    system.make_private_folder(&folder)?;
    let test = || -> Result<()> {
        if system.exists(NGINX) {
            system.copy_tree(NGINX, &folder)?;
        }
        system.copy_tree(PROXY_STAGING, &folder)?;
        retry::tidy(system, &folder)?;
        nginx::test_in_place(system, &folder)
    };
    let tested = test();
    system.remove(&folder)?;
    tested
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
    system.remove(format!("{NGINX}/conf.d/{KEEPALIVE}"))?;
    retry::restore(system, NGINX, port)
}
