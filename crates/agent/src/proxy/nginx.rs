//! The nginx program: its version, and what it says of a configuration.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, anyhow, bail};
use flipless_settings::layout;
use flipless_settings::nginx::{Version, parse_version};

use crate::instance::paths::RUNTIME_UNITS;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

const PROGRAM: &str = "/usr/sbin/nginx";
/// How the units of tests begin.
pub const TEST_UNITS: &str = "nginx-test-flipless-";

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
    /// Runs nginx in them, and returns what it prints.
    ///
    /// By a unit file, and not by systemd-run(1): there a second `CapabilityBoundingSet=` replaces the first one,
    /// and in a file it adds to it.
    ///
    /// A test without an answer of nginx is repeated once: something may have killed it, and that is no refusal.
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

/// Removes what tests of an agent that was killed have left: units, and a dump that may hold secrets.
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

/// A name of its own for each test: systemd reads a file of a name that it does not know, without a daemon-reload.
/// It does not begin as ours do, so that nothing takes it for an installed unit.
fn unit_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{TEST_UNITS}{}-{next}.service", std::process::id())
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
    let lines = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(refusal(&lines, &output.status.to_string()))
}

/// nginx said nothing at all.
#[derive(Debug)]
struct NoAnswer(String);

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "nginx could not be run for a test: {}", self.0)
    }
}

impl std::error::Error for NoAnswer {}

fn refusal(lines: &str, status: &str) -> anyhow::Error {
    match lines.trim() {
        // It did not come to nginx's own first line: the sandbox can't be set up, say.
        "" => NoAnswer(status.to_owned()).into(),
        lines => anyhow!("nginx refuses the configuration:\n{lines}"),
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
