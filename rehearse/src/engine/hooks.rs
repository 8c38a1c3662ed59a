//! Platform hooks. EB runs them as root, in the order of their names. The first hook that fails ends the
//! deployment.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::error::EngineError;
use super::{Engine, Step, environment, log};
use crate::machine::{Command, Instance};

impl<I: Instance> Engine<I> {
    /// Runs the hooks in `tree`, a folder of the bundle, with `folder` as working directory.
    pub(super) fn run_hooks(&mut self, tree: &str, folder: &str) -> Step {
        self.info(format_args!("Executing platform hooks in {tree}/"))?;
        let path = self.path(folder).join(tree);
        let hooks = list(&path).map_err(|error| EngineError::Instance(path, error))?;
        if hooks.is_empty() {
            return self.info(format_args!("The dir {tree}/ does not exist or is empty"));
        }
        let names: Vec<_> = hooks.iter().map(|(name, _)| name.as_str()).collect();
        self.info(format_args!(
            "Following platform hooks will be executed in order: [{}]",
            names.join(" ")
        ))?;
        for (name, executable) in &hooks {
            let hook = format!("{tree}/{name}");
            if !executable {
                // Older platforms need the exec bit in the zip. Newer platforms repair it.
                return Err(EngineError::NotExecutable(hook));
            }
            self.run_hook(&hook, folder)?;
        }
        self.info(format_args!(
            "Finished running the platform hooks in {tree}/"
        ))
    }

    fn run_hook(&mut self, hook: &str, folder: &str) -> Step {
        self.info(format_args!("Running platform hook: {hook}"))?;
        let command = Command::new([hook])
            .in_folder(folder)
            .with_merged_output()
            .with_environment(environment::of_hooks(&self.variables()));
        let output = self
            .instance
            .run(&command)
            .map_err(|error| EngineError::Instance(hook.into(), error))?;
        let path = self.path("/var/log/eb-hooks.log");
        log::append_line(&path, &output.text())
            .map_err(|error| EngineError::Instance(path, error))?;
        if output.succeeded() {
            return Ok(());
        }
        let shown = last_lines(&output.text());
        self.write_deployment_log(&format!("{hook} failed; its last lines:\n{shown}"))?;
        Err(EngineError::Hook {
            hook: hook.to_owned(),
            status: output.status,
            output: shown,
        })
    }

    fn write_deployment_log(&self, text: &str) -> Step {
        let path = self.path(&self.deployment_log());
        log::append_line(&path, text).map_err(|error| EngineError::Instance(path, error))
    }
}

/// EB's console shows at most these last lines of a failed hook.
const SHOWN_LINES: usize = 50;

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

/// The files in `folder`, sorted by name, each with whether it is executable.
fn list(folder: &Path) -> io::Result<Vec<(String, bool)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut hooks = Vec::new();
    for entry in entries {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            hooks.push((name, metadata.permissions().mode() & 0o111 != 0));
        }
    }
    hooks.sort();
    Ok(hooks)
}
