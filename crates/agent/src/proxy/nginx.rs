//! Calls the nginx program, for its version and to test a configuration.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, anyhow, bail};
use flipless_settings::layout;
use flipless_settings::nginx::{Version, parse_version};

use crate::instance::paths::RUNTIME_UNITS;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

pub const PROGRAM: &str = "/usr/sbin/nginx";
/// The prefix of the units in which nginx tests a configuration.
pub const TEST_UNITS: &str = "nginx-test-flipless-";

/// Returns nginx's version.
pub fn version(system: &System) -> Result<Version> {
    let output = system
        .run(PROGRAM, &["-v"])
        .with_context(|| format!("cannot run {PROGRAM}, which is part of EB's platform"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    parse_version(&said)
        .with_context(|| format!("`nginx -v` printed no version: {:?}", said.trim()))
}

/// Tests the configuration in force.
pub fn test(system: &System) -> Result<()> {
    run_test(system, PROGRAM, &["-t", "-q"])
}

/// Tests another configuration than the one in force. `file` is its main file.
pub fn test_file(system: &System, file: &str) -> Result<()> {
    run_test(system, PROGRAM, &["-t", "-q", "-c", file])
}

/// Returns the configuration in force with all included files: `nginx -T`.
pub fn dump(system: &System) -> Result<String> {
    said(system, PROGRAM, &["-T", "-q"])
}

/// How nginx runs for a test: with lines of a unit, and with some folders bound to other paths.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// `Key=Value`, as in a unit.
    pub lines: Vec<String>,
    /// Pairs of a folder and the path at which nginx finds it.
    pub places: Vec<(String, &'static str)>,
}

impl Surroundings {
    /// Runs nginx in these surroundings, and returns its output.
    ///
    /// Uses a unit file instead of systemd-run(1). In systemd-run a second `CapabilityBoundingSet=` replaces the
    /// first one; in a unit file it adds to the first one.
    ///
    /// If nginx prints nothing, repeats the test once, because something may have killed nginx.
    pub fn run(&self, system: &System, arguments: &[&str]) -> Result<String> {
        match self.run_once(system, arguments) {
            Err(error) if error.is::<NoAnswer>() => self.run_once(system, arguments),
            answer => answer,
        }
    }

    fn run_once(&self, system: &System, arguments: &[&str]) -> Result<String> {
        let name = unit_name();
        let unit = format!("{RUNTIME_UNITS}/{name}");
        let output = format!("{}/{name}", layout::RUNTIME);
        system.make_folder(layout::RUNTIME)?;
        system.write(&unit, self.unit(&output, arguments).as_bytes(), 0o644)?;
        let started = Systemd::new(system).start(&name);
        let read = |kind: &str| -> Result<String> {
            let path = format!("{output}.{kind}");
            let text = system.read(&path)?.unwrap_or_default();
            system.remove(&path)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        };
        let (out, error) = (read("out"), read("err"));
        system.remove(&unit)?;
        match started {
            Ok(()) => out,
            Err(why) => Err(refusal(&error?, &format!("{why:#}"))),
        }
    }

    fn unit(&self, output: &str, arguments: &[&str]) -> String {
        let mut text =
            "[Unit]\nCollectMode=inactive-or-failed\n[Service]\nType=oneshot\n".to_owned();
        text += &format!("ExecStart={PROGRAM} {}\n", arguments.join(" "));
        text += &format!("StandardOutput=file:{output}.out\nStandardError=file:{output}.err\n");
        for (folder, place) in &self.places {
            text += &format!("BindPaths={folder}:{place}\n");
        }
        for line in &self.lines {
            text += &format!("{line}\n");
        }
        text
    }
}

/// Removes the files that a killed agent has left of its tests: units, and a dump that may contain secrets.
pub fn forget_tests(system: &System) -> Result<()> {
    for folder in [RUNTIME_UNITS, layout::RUNTIME] {
        for name in system.names(folder)? {
            if name.starts_with(TEST_UNITS) {
                system.remove(format!("{folder}/{name}"))?;
            }
        }
    }
    Ok(())
}

/// Returns a unit name that is new for each test. systemd loads a unit with a new name without a daemon-reload. The
/// name does not begin with `flipless-`, so that the agent does not mistake it for an installed unit.
fn unit_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{TEST_UNITS}{}-{next}.service", std::process::id())
}

fn run_test(system: &System, program: &str, arguments: &[&str]) -> Result<()> {
    said(system, program, arguments).map(drop)
}

/// Runs a test, and returns its output. If nginx refuses the configuration, the error contains nginx's own lines.
fn said(system: &System, program: &str, arguments: &[&str]) -> Result<String> {
    let output = system
        .run(program, arguments)
        .with_context(|| format!("cannot run {program}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let lines = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(refusal(&lines, &output.status.to_string()))
}

/// nginx has printed nothing.
#[derive(Debug)]
struct NoAnswer(String);

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "cannot run nginx for a test of the configuration: {}",
            self.0
        )
    }
}

impl std::error::Error for NoAnswer {}

fn refusal(lines: &str, status: &str) -> anyhow::Error {
    match lines.trim() {
        // nginx has printed nothing. For example, systemd could not set up the sandbox.
        "" => NoAnswer(status.to_owned()).into(),
        lines => anyhow!("nginx refuses the configuration:\n{lines}"),
    }
}

/// Makes EB's own nginx read its configuration again.
pub fn reload_stock(system: &System) -> Result<()> {
    let reload = system.run("/usr/sbin/nginx", &["-s", "reload"])?;
    if reload.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&reload.stderr);
    bail!("nginx did not reload:\n{}", said.trim())
}

/// Returns nginx's first line in an error of a test. Returns the error's own first line if nginx has printed
/// nothing.
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
    fn the_first_line_about_a_refused_configuration_is_nginxs_own() {
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
