//! Passes the listeners that nginx opened itself from one master to the next.
//!
//! systemd holds only the public port. After the end of a master only its workers hold the other listeners, such as
//! port 443. The agent gives these listeners to systemd (FileDescriptorStoreMax= in systemd.service(5)), which passes
//! them to the next master, behind the public port.

use std::io;

use anyhow::Result;

use super::sockets::Held;
use crate::instance::system::System;

/// The `EnvironmentFile=` of the front's unit. systemd reads it shortly before it starts nginx.
const ENVIRONMENT: &str = "/run/flipless/front-listeners";
/// The number of the public port's descriptor, SD_LISTEN_FDS_START (sd_listen_fds(3)).
const FIRST: usize = 3;

/// Gives these listeners to systemd, and names them for the next master.
///
/// # Errors
/// If a listener can't be given to systemd. The next master then has to open all of them.
pub fn pass_on(system: &System, listeners: &[Held]) -> Result<()> {
    // Those that a start before this one has left.
    take_back(system)?;
    if listeners.is_empty() {
        return Ok(());
    }
    // Writes the names first, so that `take_back` finds the listeners after an interruption.
    name(system, listeners.len())?;
    for listener in listeners {
        system.keep_descriptor(listener.pid, listener.descriptor)?;
    }
    Ok(())
}

/// Takes the listeners back from systemd: nginx has them now, and has to be able to close them.
pub fn take_back(system: &System) -> Result<()> {
    match system.read(ENVIRONMENT)? {
        Some(text) if text != environment(0).into_bytes() => match system.drop_descriptors() {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error.into()),
            _ => name(system, 0),
        },
        _ => Ok(()),
    }
}

fn name(system: &System, further: usize) -> Result<()> {
    system.write(ENVIRONMENT, environment(further).as_bytes(), 0o644)
}

/// nginx takes over the descriptors that this variable names. A semicolon ends each number
/// (ngx_add_inherited_sockets in nginx.c).
fn environment(further: usize) -> String {
    let numbers = FIRST..=FIRST + further;
    let list: String = numbers.map(|number| format!("{number};")).collect();
    format!("NGINX={list}\n")
}
