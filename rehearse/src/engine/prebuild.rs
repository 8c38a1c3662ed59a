//! The part of `.ebextensions` that runs before the bundle is staged. For each configuration file, EB first
//! writes the files, and then runs the commands, as cfn-init does
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-init.html>).

use std::sync::Arc;

use flipless_settings::ebextensions::{CommandEntry, FileEntry, Words};

use super::error::EngineError;
use super::{Engine, Step, log};
use crate::machine::{Command, Instance};

/// A temporary file with the content of a file of `.ebextensions`. A command on the instance copies the content to the
/// file's own path. The engine itself does not write to that path: a link in the path could lead out of the instance's
/// root.
const CONTENT: &str = "/opt/elasticbeanstalk/deployment/file-content";

/// The script that makes placeholders: `model/placeholder` of this package.
const PLACEHOLDER: &str = "/opt/elasticbeanstalk/model/placeholder";

/// Copies `$1` to `$2` with the mode, user and group in `$3` to `$5`. Keeps a previous file as `.bak`.
const PLACE: &str = "set -e; mkdir -p \"$(dirname \"$2\")\"; [ ! -f \"$2\" ] || mv -f \"$2\" \"$2.bak\"; \
                     cp \"$1\" \"$2\"; chown \"$4:$5\" \"$2\"; chmod \"$3\" \"$2\"";

impl<I: Instance> Engine<I> {
    pub(super) fn run_prebuild(&mut self) -> Step {
        for what in self.extensions.left_out() {
            self.leave_out(what)?;
        }
        let extensions = Arc::clone(&self.extensions);
        for (_, file) in &extensions.files {
            self.place_packages(&file.packages)?;
            for (path, entry) in &file.files {
                self.place_file(path, entry)?;
            }
            for (name, entry) in &file.commands {
                self.run_extension(name, entry, "/", environment(entry))?;
            }
        }
        Ok(())
    }

    /// Makes placeholders for the programs and services of packages, because later commands may call them.
    fn place_packages(&mut self, packages: &[String]) -> Step {
        if packages.is_empty() {
            return Ok(());
        }
        let mut command = Command::new([PLACEHOLDER, "--packages"]);
        command.words.extend(packages.iter().cloned());
        self.run_logged("packages", &command)
    }

    fn place_file(&mut self, path: &str, entry: &FileEntry) -> Step {
        if entry.source.is_some() {
            return self.leave_out(format!("the file {path}, which is downloaded"));
        }
        if entry
            .encoding
            .as_deref()
            .is_some_and(|name| name != "plain")
        {
            return self.leave_out(format!("the file {path}, which is encoded"));
        }
        let content = entry.content.as_deref().unwrap_or_default();
        let mode = entry.mode.as_deref().unwrap_or("000644");
        let owner = entry.owner.as_deref().unwrap_or("root");
        let group = entry.group.as_deref().unwrap_or("root");
        let command = match mode.starts_with("120") {
            true => Command::new(["ln", "-sfn", content, path]),
            false => {
                self.write(CONTENT, content)?;
                Command::new([
                    "/bin/sh", "-c", PLACE, "sh", CONTENT, path, mode, owner, group,
                ])
            }
        };
        self.info(format_args!("Writing the file {path}"))?;
        self.run_logged(path, &command)
    }

    /// Runs a command of a configuration file, unless the command's test fails.
    pub(super) fn run_extension(
        &mut self,
        name: &str,
        entry: &CommandEntry,
        folder: &str,
        environment: Vec<(String, String)>,
    ) -> Step {
        let folder = entry.cwd.as_deref().unwrap_or(folder);
        let prepare = |command: Command| {
            command
                .in_folder(folder)
                .with_environment(environment.clone())
                .with_merged_output()
        };
        if let Some(test) = &entry.test
            && !self.try_run(name, &prepare(Command::shell(test)))?
        {
            return self.info(format_args!(
                "Test failed with code 1, ignoring command {name}"
            ));
        }
        let command = match &entry.command {
            Words::Line(line) => Command::shell(line),
            Words::List(words) => Command {
                words: words.clone(),
                ..Command::new([])
            },
        };
        match self.run_logged(name, &prepare(command)) {
            Err(EngineError::Extension { .. }) if entry.ignore_errors => self.info(format_args!(
                "ignoreErrors set to true, continuing build after {name}"
            )),
            outcome => outcome,
        }
    }

    fn try_run(&mut self, name: &str, command: &Command) -> Result<bool, EngineError> {
        match self.run_logged(name, command) {
            Ok(()) => Ok(true),
            Err(EngineError::Extension { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Runs a command, and appends its output to cfn-init's log.
    fn run_logged(&mut self, name: &str, command: &Command) -> Step {
        let output = self
            .instance
            .run(command)
            .map_err(|error| EngineError::Instance(name.into(), error))?;
        let path = self.path("/var/log/cfn-init-cmd.log");
        log::append_line(&path, &output.text())
            .map_err(|error| EngineError::Instance(path, error))?;
        self.note_not_run(name)?;
        if output.succeeded() {
            return Ok(());
        }
        Err(EngineError::Extension {
            name: name.to_owned(),
            status: output.status,
            output: output.text(),
        })
    }
}

/// The environment of a command. A command's own environment replaces the usual one
/// (<https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/customize-containers-ec2.html#linux-commands>).
fn environment(entry: &CommandEntry) -> Vec<(String, String)> {
    match entry.env.is_empty() {
        true => Command::new([]).environment,
        false => entry.env.clone().into_iter().collect(),
    }
}
