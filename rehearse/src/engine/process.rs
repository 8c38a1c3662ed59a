//! Registered processes. EB stops, disables and starts only units with a `PartOf=` of its targets.

use std::fs;
use std::path::PathBuf;

use super::{Engine, EngineError, Step};
use crate::machine::{Instance, wait_for};
use std::time::Duration;

/// This is longer than systemd's limit for a stop, 90 s.
const TERMINATION: Duration = Duration::from_secs(120);

impl<I: Instance> Engine<I> {
    pub(super) fn stop_xray(&mut self) -> Step {
        if !self.is_registered("xray.service")? {
            self.warn("stopProcess Warning: process xray is not registered")?;
        }
        // The platform has this unit. If the unit is not loaded, the command fails.
        self.command("systemctl stop xray.service").map(drop)
    }

    pub(super) fn is_registered(&mut self, unit: &str) -> Result<bool, EngineError> {
        let output = self.command(&format!("systemctl show -p PartOf {unit}"))?;
        let targets = output
            .stdout
            .trim()
            .trim_start_matches("PartOf=")
            .to_owned();
        Ok(targets
            .split_whitespace()
            .any(|target| target == "aws-eb.target" || target == "eb-app.target"))
    }

    pub(super) fn is_active(&mut self, unit: &str) -> Result<bool, EngineError> {
        Ok(self
            .ask(&format!("systemctl is-active {unit}"))?
            .succeeded())
    }

    /// The units that are part of `target`.
    pub(super) fn members(&mut self, target: &str) -> Result<Vec<String>, EngineError> {
        let output = self.command(&format!(
            "systemctl show -p ConsistsOf {target} | cut -d= -f2"
        ))?;
        Ok(output
            .stdout
            .split_whitespace()
            .map(str::to_owned)
            .collect())
    }

    /// If `unit` is registered, stops and disables it, and removes `files`, which register it.
    pub(super) fn deregister(&mut self, unit: &str, files: &[&str], polls: bool) -> Step {
        if !self.is_registered(unit)? {
            let name = unit.trim_end_matches(".service");
            return self.warn(format_args!(
                "deregisterProcess Warning: process {name} is not registered, skipping..."
            ));
        }
        if self.is_active(unit)? {
            self.stop_process(unit)?;
        }
        self.command(&format!("systemctl disable {unit}"))?;
        for file in files {
            self.remove(file)?;
        }
        self.command("systemctl daemon-reload")?;
        self.command("systemctl reset-failed")?;
        if polls {
            self.wait_until_terminated(unit)
        } else {
            Ok(())
        }
    }

    pub(super) fn stop_process(&mut self, unit: &str) -> Step {
        if !self.is_registered(unit)? {
            return self.warn(format_args!(
                "stopProcess Warning: process {unit} is not registered"
            ));
        }
        self.command(&format!("systemctl stop {unit}")).map(drop)
    }

    /// Starts `unit` if it is registered and not active.
    pub(super) fn start_process(&mut self, unit: &str) -> Step {
        if !self.is_registered(unit)? {
            return self.warn(format_args!(
                "startProcess Warning: process {unit} is not registered"
            ));
        }
        if self.is_active(unit)? {
            return self.info(format_args!("{unit} is running already"));
        }
        self.command(&format!("systemctl start {unit}")).map(drop)
    }

    fn wait_until_terminated(&mut self, unit: &str) -> Step {
        let ended = wait_for(TERMINATION, || match self.is_active(unit) {
            Ok(true) => None,
            answer => Some(answer.map(drop)),
        });
        ended.unwrap_or_else(|| Err(EngineError::StillActive(unit.to_owned())))
    }

    /// Removes a file or folder, if it exists.
    pub(super) fn remove(&self, path: &str) -> Step {
        let path = self.path(path);
        let removed = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.map_err(|error| EngineError::Instance(path, error))
    }

    /// Writes a file, and makes its folders.
    pub(super) fn write(&self, path: &str, text: &str) -> Step {
        let path: PathBuf = self.path(path);
        fs::create_dir_all(path.parent().unwrap_or(&path))
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| EngineError::Instance(path, error))
    }
}
