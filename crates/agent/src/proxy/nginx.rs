//! The nginx program: its version, and what it says of a configuration.

use anyhow::{Context, Result, bail};
use flipless_settings::layout;
use flipless_settings::nginx::{Version, parse_version};

use crate::instance::paths::NGINX;
use crate::instance::system::System;

const PROGRAM: &str = "/usr/sbin/nginx";

/// nginx's version.
pub fn version(system: &System) -> Result<Version> {
    let output = system
        .run(PROGRAM, &["-v"])
        .with_context(|| format!("cannot run {PROGRAM}: EB's platform brings it"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    parse_version(&said).with_context(|| format!("`nginx -v` said {:?}", said.trim()))
}

/// Tests the configuration in force.
pub fn test(system: &System) -> Result<()> {
    run_test(system, PROGRAM, &["-t", "-q"])
}

/// Tests the configuration in `folder` as if it were in /etc/nginx: in a mount namespace of its own,
/// so that absolute paths in it mean the same files as later (unshare(1)).
pub fn test_in_place(system: &System, folder: &str) -> Result<()> {
    let script = format!("mount --bind \"$1\" {NGINX} && exec {PROGRAM} -t -q");
    let arguments = [
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        &script,
        "sh",
        folder,
    ];
    run_test(system, "unshare", &arguments)
}

/// Where a staged configuration is put together for its test.
pub fn test_folder() -> String {
    format!("{}/nginx-test", layout::RUNTIME)
}

fn run_test(system: &System, program: &str, arguments: &[&str]) -> Result<()> {
    let output = system
        .run(program, arguments)
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!(
            "nginx refuses the configuration:\n{}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// Has the nginx of nginx.service itself read its configuration again.
pub fn reload_stock(system: &System) -> Result<()> {
    let reload = system.run("/usr/sbin/nginx", &["-s", "reload"])?;
    if reload.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&reload.stderr);
    bail!("nginx did not reload:\n{}", said.trim())
}

/// What nginx said first, of an error of a test; without an answer of nginx, the error.
pub fn first_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let mut lines = text.lines();
    let heading = lines.next().unwrap_or_default();
    lines.next().unwrap_or(heading).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Instance;

    #[test]
    fn of_a_refused_configuration_the_first_line_is_nginxs() {
        let instance = Instance::new();
        instance.model.borrow_mut().nginx_refuses = true;
        let refused = test(&instance.system).expect_err("nginx refuses");
        assert_eq!(first_line(&refused), "unexpected \"}\" in nginx.conf:3");
        let several = anyhow::anyhow!("nginx refuses the configuration:\none\ntwo");
        assert_eq!(first_line(&several), "one");
        let none = anyhow::anyhow!("cannot run nginx");
        assert_eq!(first_line(&none), "cannot run nginx");
    }
}
