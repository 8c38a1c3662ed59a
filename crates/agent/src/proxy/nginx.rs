//! The nginx program: its version, and what it says of a configuration.

use anyhow::{Context, Result, bail};
use flipless_settings::nginx::{Version, parse_version};

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

/// The configuration in force with all that it includes: `nginx -T`.
pub fn dump(system: &System) -> Result<String> {
    said(system, PROGRAM, &["-T", "-q"])
}

/// How nginx is started for a test: with lines of a unit, and with some folders in the places of others.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// `Key=Value`, as in a unit.
    pub lines: Vec<String>,
    /// The folder, and the place in which nginx finds it.
    pub places: Vec<(String, &'static str)>,
}

impl Surroundings {
    /// Runs nginx in them, in a service of its own (systemd-run(1)), and returns what it prints.
    pub fn run(&self, system: &System, arguments: &[&str]) -> Result<String> {
        let lines = self.lines.iter().map(|line| format!("--property={line}"));
        let places = self
            .places
            .iter()
            .map(|(folder, place)| format!("--property=BindPaths={folder}:{place}"));
        let properties: Vec<_> = lines.chain(places).collect();
        let mut all = vec!["--quiet", "--wait", "--pipe", "--collect"];
        all.extend(properties.iter().map(String::as_str));
        all.extend(["--", PROGRAM]);
        all.extend(arguments);
        said(system, "systemd-run", &all)
    }
}

fn run_test(system: &System, program: &str, arguments: &[&str]) -> Result<()> {
    said(system, program, arguments).map(drop)
}

/// What a test prints; nginx's own lines if it refuses.
fn said(system: &System, program: &str, arguments: &[&str]) -> Result<String> {
    let output = system
        .run(program, arguments)
        .with_context(|| format!("cannot run {program}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let lines = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match lines.is_empty() {
        false => bail!("nginx refuses the configuration:\n{lines}"),
        // It did not come to nginx's own first line: 226 is a sandbox that can't be set up (systemd.exec(5)).
        true => bail!("nginx could not be run for a test: {}", output.status),
    }
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
