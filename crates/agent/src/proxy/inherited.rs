//! `front-exec`: becomes nginx, with every listener that systemd holds for the front.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::{env, process};

use anyhow::{Context, Result, bail};
use flipless_settings::layout;

use super::nginx::PROGRAM;

/// The first descriptor that systemd passes, SD_LISTEN_FDS_START (sd_listen_fds(3)).
const FIRST: u32 = 3;

/// Executes nginx in place of this process. systemd has passed the public port, and the listeners in its store
/// (`store.rs`).
pub fn execute() -> Result<()> {
    let listeners = variable(
        env::var("LISTEN_PID").ok().as_deref(),
        env::var("LISTEN_FDS").ok().as_deref(),
        process::id(),
    )?;
    let mut command = Command::new(PROGRAM);
    command.env("NGINX", listeners);
    for name in layout::OF_SYSTEMD {
        command.env_remove(name);
    }
    Err(command.exec()).with_context(|| format!("cannot run {PROGRAM}"))
}

/// Returns the value of `NGINX`: the numbers of the inherited descriptors, each with a semicolon
/// (ngx_add_inherited_sockets in nginx.c). nginx finds each listener by its address, and closes the listeners that its
/// configuration does not use.
fn variable(pid: Option<&str>, count: Option<&str>, own: u32) -> Result<String> {
    let count = count.and_then(|count| count.parse::<u32>().ok());
    match (pid == Some(&own.to_string()), count) {
        (true, Some(count)) if count > 0 => {
            let numbers = FIRST..FIRST + count;
            Ok(numbers.map(|number| format!("{number};")).collect())
        }
        _ => bail!(
            "systemd has passed no listener: only the unit {} can run this command",
            layout::FRONT
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::variable;

    #[test]
    fn nginx_gets_every_descriptor_that_systemd_passes() {
        assert_eq!(variable(Some("7"), Some("1"), 7).unwrap(), "3;");
        assert_eq!(variable(Some("7"), Some("3"), 7).unwrap(), "3;4;5;");
    }

    #[test]
    fn descriptors_for_another_process_are_none() {
        for (pid, count) in [
            (None, None),
            (Some("8"), Some("1")),
            (Some("7"), Some("0")),
            (Some("7"), Some("x")),
        ] {
            let error = variable(pid, count, 7).unwrap_err().to_string();
            assert!(error.contains("flipless-front.service"), "{error}");
        }
    }
}
