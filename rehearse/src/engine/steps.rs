//! Carries out instructions and commands, and logs them.

use std::fmt;
use std::path::PathBuf;

use flipless_settings::ebextensions::PROPERTIES;

use super::deployment::{Deployment, Kind};
use super::environment::Properties;
use super::error::EngineError;
use super::log::Level;
use super::{Engine, Step, get_config};
use crate::clock::Window;
use crate::instruction::Instruction;
use crate::machine::{Command, Instance, Output};

impl<I: Instance> Engine<I> {
    pub(super) fn execute(
        &mut self,
        kind: Kind,
        steps: impl FnOnce(&mut Self) -> Step,
    ) -> Deployment {
        self.log.begin_deployment();
        let start = self.log.clock.now();
        let first = self.log.history.instructions.len();
        let outcome = self
            .info(format_args!("Starting: {kind}"))
            .and_then(|()| self.publish_properties())
            .and_then(|()| steps(self));
        let end = self.log.clock.now();
        // The outcome is more important than a failure to write this line.
        let _ = match &outcome {
            Ok(()) => self.info(format_args!("The {kind} succeeded")),
            Err(error) => self.write_log(Level::Error, format_args!("The {kind} failed: {error}")),
        };
        let instructions = self.log.history.instructions[first..].to_vec();
        Deployment {
            kind,
            window: Window { start, end },
            instructions,
            outcome,
        }
    }

    /// Returns the result of a command that EB refuses. Such a command reaches no instance.
    pub(super) fn refuse(&self, kind: Kind, error: EngineError) -> Deployment {
        let now = self.log.clock.now();
        Deployment {
            kind,
            window: Window {
                start: now,
                end: now,
            },
            instructions: Vec::new(),
            outcome: Err(error),
        }
    }

    /// Runs one instruction, and adds it to the history.
    pub(super) fn instruction(&mut self, name: &str, step: impl FnOnce(&mut Self) -> Step) -> Step {
        if self.abort.as_deref() == Some(name) {
            self.abort = None;
            return Err(EngineError::Aborted(name.to_owned()));
        }
        self.info(format_args!("Executing instruction: {name}"))?;
        let start = self.log.clock.now();
        let outcome = step(self);
        self.log.history.instructions.push(Instruction {
            name: name.to_owned(),
            start,
            end: self.log.clock.now(),
        });
        outcome
    }

    /// The properties of the version and of the environment. Those of the environment take precedence
    /// (<https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/command-options.html#configuration-options-precedence>).
    fn properties_in_force(&self) -> Properties {
        let mut properties = self.extensions.options(PROPERTIES);
        properties.extend(self.properties.clone());
        properties
    }

    /// All environment variables of hooks and of the application.
    pub(super) fn variables(&self) -> Properties {
        let mut variables = self.properties_in_force();
        variables.extend(self.secrets.clone());
        variables
    }

    /// Logs that the model leaves something out.
    pub(super) fn leave_out(&mut self, what: String) -> Step {
        self.warn(format_args!("this model leaves out {what}"))?;
        let left_out = &mut self.log.history.left_out;
        if !left_out.contains(&what) {
            left_out.push(what);
        }
        Ok(())
    }

    pub(super) fn publish_properties(&mut self) -> Step {
        let root = self.instance.root();
        let mut published = self.properties_in_force();
        if self.variants.publishes_secrets {
            published.extend(self.secrets.clone());
        }
        let published = (!self.variants.get_config_fails).then_some(&published);
        let options = get_config::options(&self.extensions, &self.properties_in_force());
        get_config::publish_environment(&root, published)
            .and_then(|()| get_config::publish_others(&root, options))
            .map_err(|error| EngineError::Instance(root, error))
    }

    /// Runs a shell command, and returns its exit status and output. A non-zero exit status is not an error.
    pub(super) fn ask(&mut self, line: &str) -> Result<Output, EngineError> {
        let broken = |error| EngineError::Instance(line.into(), error);
        self.log
            .command(&self.instance.root(), line)
            .map_err(broken)?;
        let output = self.instance.run(&Command::shell(line)).map_err(broken)?;
        if !output.text().is_empty() {
            self.info(output.text())?;
        }
        Ok(output)
    }

    /// Runs a shell command. If the command fails, the deployment fails.
    pub(super) fn command(&mut self, line: &str) -> Result<Output, EngineError> {
        let output = self.ask(line)?;
        if output.succeeded() {
            return Ok(output);
        }
        Err(EngineError::Command {
            command: line.to_owned(),
            status: output.status,
            output: output.text(),
        })
    }

    pub(super) fn info(&self, text: impl fmt::Display) -> Step {
        self.write_log(Level::Info, text)
    }

    pub(super) fn warn(&self, text: impl fmt::Display) -> Step {
        self.write_log(Level::Warn, text)
    }

    pub(super) fn write_log(&self, level: Level, text: impl fmt::Display) -> Step {
        let root = self.instance.root();
        self.log
            .line(&root, level, text)
            .map_err(|error| EngineError::Instance(root, error))
    }

    /// A path on the instance, as a path on this host.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.instance.root().join(path.trim_start_matches('/'))
    }
}
