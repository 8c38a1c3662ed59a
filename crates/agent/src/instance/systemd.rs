//! Requests to systemd, through `systemctl` and `journalctl`.

use std::process::Output;

use anyhow::{Context, Result, bail};

use crate::instance::system::System;

/// The exit status of timeout(1) if it has ended the command.
const TIMED_OUT: i32 = 124;

/// The part of systemd that the agent needs.
pub struct Systemd<'a> {
    system: &'a System,
}

impl<'a> Systemd<'a> {
    pub fn new(system: &'a System) -> Self {
        Self { system }
    }

    /// Starts a unit and waits until it is ready.
    pub fn start(&self, unit: &str) -> Result<()> {
        self.must(&["start", unit])
    }

    /// Requests a start, and does not wait.
    pub fn start_later(&self, unit: &str) -> Result<()> {
        self.must(&["start", "--no-block", unit])
    }

    /// Makes systemd start a unit in one second. systemd would merge an immediate start with the job in which this
    /// command runs.
    pub fn start_soon(&self, unit: &str) -> Result<()> {
        let timer = ["--on-active=1s", "--timer-property=AccuracySec=100ms"];
        let command = ["systemctl", "start", unit];
        let arguments = [&["--quiet", "--collect"], &timer[..], &command].concat();
        let output = self.system.run("systemd-run", &arguments);
        succeed(&arguments, &output.context("cannot run systemd-run")?)
    }

    /// Stops a unit and waits until it has ended.
    pub fn stop(&self, unit: &str) -> Result<()> {
        self.must(&["stop", unit])
    }

    /// Stops units at the same time, and waits until they have ended.
    pub fn stop_all(&self, units: &[&str]) -> Result<()> {
        self.must(&[&["stop"], units].concat())
    }

    /// Does the same as [`Self::stop_all`], but waits at most for `seconds`. Returns whether the units have ended.
    pub fn stop_within(&self, units: &[&str], seconds: u32) -> Result<bool> {
        // timeout(1) ends systemctl, and not the stop itself.
        let limit = seconds.to_string();
        let arguments = [&[&limit, "systemctl", "stop"], units].concat();
        let output = self.system.run("timeout", &arguments);
        let output = output.context("cannot run timeout")?;
        match output.status.code() {
            Some(TIMED_OUT) => Ok(false),
            _ => succeed(&arguments[2..], &output).map(|()| true),
        }
    }

    /// Sends SIGKILL to all processes of units.
    pub fn kill(&self, units: &[&str]) -> Result<()> {
        self.must(&[&["kill", "--signal=KILL"], units].concat())
    }

    /// Requests a stop, and does not wait. The server then drains.
    pub fn stop_later(&self, unit: &str) -> Result<()> {
        self.must(&["stop", "--no-block", unit])
    }

    /// Sends SIGTERM to all processes of a unit.
    pub fn terminate(&self, unit: &str) -> Result<()> {
        self.must(&["kill", "--signal=TERM", unit])
    }

    /// Restarts a unit, or starts an inactive one. A timer begins to count again.
    pub fn restart(&self, unit: &str) -> Result<()> {
        self.must(&["restart", unit])
    }

    /// Requests a restart, and does not wait. So the caller does not learn whether the unit starts.
    pub fn restart_later(&self, unit: &str) -> Result<()> {
        self.must(&["restart", "--no-block", unit])
    }

    /// Makes systemd start the units at every boot.
    pub fn enable(&self, units: &[&str]) -> Result<()> {
        self.must(&[&["enable", "--quiet"], units].concat())
    }

    pub fn disable(&self, unit: &str) -> Result<()> {
        self.must(&["disable", "--quiet", unit])
    }

    /// Makes systemd read the unit files again.
    pub fn reload_units(&self) -> Result<()> {
        self.must(&["daemon-reload"])
    }

    /// Resets the failed state of a unit. Ignores the error for a unit that is not loaded.
    pub fn forget_failure(&self, unit: &str) -> Result<()> {
        self.systemctl(&["reset-failed", unit]).map(drop)
    }

    /// Returns a property of a unit: an empty text if the property has no value, or if the unit does not exist.
    pub fn property(&self, unit: &str, name: &str) -> Result<String> {
        let output = self.systemctl(&["show", "--value", "--property", name, unit])?;
        succeed(&["show", unit], &output)?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Returns several properties of a unit, in the order of the names. One call is faster than one call per property.
    pub fn properties<const N: usize>(&self, unit: &str, names: [&str; N]) -> Result<[String; N]> {
        let shown = self.show(&names.join(","), &[unit])?;
        // systemd prints a line for each command of a property such as ExecStart=.
        Ok(names.map(|name| values(&shown, name).collect::<Vec<_>>().join("\n")))
    }

    /// Returns a property of each unit, in the order of the units.
    pub fn property_of_each(&self, units: &[&str], name: &str) -> Result<Vec<String>> {
        let shown = self.show(name, units)?;
        Ok(values(&shown, name).map(String::from).collect())
    }

    fn show(&self, names: &str, units: &[&str]) -> Result<String> {
        let arguments = [&["show", "--property", names], units].concat();
        let output = self.systemctl(&arguments)?;
        succeed(&arguments, &output)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Returns `active`, `activating`, `deactivating`, `failed` or `inactive`.
    pub fn state(&self, unit: &str) -> Result<String> {
        self.property(unit, "ActiveState")
    }

    pub fn is_active(&self, unit: &str) -> Result<bool> {
        Ok(self.state(unit)? == "active")
    }

    /// Returns every unit whose name matches the pattern, and which is neither inactive nor failed.
    pub fn living_units(&self, pattern: &str) -> Result<Vec<String>> {
        let states = "--state=active,activating,deactivating,reloading";
        let arguments = [
            "list-units",
            "--plain",
            "--no-legend",
            "--full",
            states,
            pattern,
        ];
        let output = self.systemctl(&arguments)?;
        succeed(&arguments, &output)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .map(String::from)
            .collect())
    }

    /// Returns the last lines of a unit in the journal; empty without a journal.
    pub fn last_lines(&self, unit: &str, lines: u32) -> String {
        // On a busy machine, the journal may not have the last lines of a process that has just ended. After this call
        // it has them (journalctl(1)).
        let _ = self.system.run("timeout", &["5", "journalctl", "--sync"]);
        let count = lines.to_string();
        let arguments = [
            "--unit",
            unit,
            "--lines",
            &count,
            "--output",
            "cat",
            "--no-pager",
        ];
        match self.system.run("journalctl", &arguments) {
            Ok(output) => String::from_utf8_lossy(&output.stdout)
                .trim_end()
                .to_owned(),
            Err(_) => String::new(),
        }
    }

    fn must(&self, arguments: &[&str]) -> Result<()> {
        succeed(arguments, &self.systemctl(arguments)?)
    }

    fn systemctl(&self, arguments: &[&str]) -> Result<Output> {
        self.system
            .run("systemctl", arguments)
            .context("cannot run systemctl: the agent needs systemd")
    }
}

fn succeed(arguments: &[&str], output: &Output) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("systemctl {} failed: {}", arguments.join(" "), said.trim())
}

/// Returns the values of a property in the output of `systemctl show`, one for each line `name=value`.
fn values<'a>(shown: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = shown.lines();
    lines.filter_map(move |line| line.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_has_a_line_for_each_command_and_for_each_unit() {
        let shown =
            "ExecStart={ path=/a ; }\nExecStart={ path=/b ; }\nExecStartPre=\nType=notify\n";
        let of = |name| values(shown, name).collect::<Vec<_>>();
        assert_eq!(of("ExecStart"), ["{ path=/a ; }", "{ path=/b ; }"]);
        assert_eq!(of("ExecStartPre"), [""]);
        assert_eq!(of("Type"), ["notify"]);
        assert_eq!(of("ExecStop"), [""; 0]);
        // systemd separates units by an empty line.
        let shown = "UnitFileState=enabled\n\nUnitFileState=\n\nUnitFileState=static\n";
        let states: Vec<_> = values(shown, "UnitFileState").collect();
        assert_eq!(states, ["enabled", "", "static"]);
    }
}
