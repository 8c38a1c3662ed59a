//! Platform hooks. EB runs them as root, in the order of their names. The first hook that fails ends the
//! deployment.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

use super::error::EngineError;
use super::{Engine, Step, environment, log};
use crate::machine::{Command, Instance};

impl<I: Instance> Engine<I> {
    /// Runs the hooks in `tree`, a folder of the bundle, with `folder` as working directory.
    pub(super) fn run_hooks(&mut self, tree: &str, folder: &str) -> Step {
        self.info(format_args!("Executing platform hooks in {tree}/"))?;
        let path = self.path(folder).join(tree);
        let hooks = list(&path).map_err(|error| EngineError::Instance(path.clone(), error))?;
        if hooks.is_empty() {
            return self.info(format_args!("The dir {tree}/ does not exist or is empty"));
        }
        self.info(format_args!(
            "Following platform hooks will be executed in order: [{}]",
            hooks.join(" ")
        ))?;
        for name in &hooks {
            let hook = format!("{tree}/{name}");
            if self.skips(&hook) {
                self.leave_out(format!("the hook {hook}, as --skip-hook says"))?;
                continue;
            }
            let file = path.join(name);
            if !is_within(&self.instance.root(), &format!("{folder}/{hook}")) {
                self.leave_out(format!(
                    "the hook {hook}, because its link leads to a file outside the instance"
                ))?;
                continue;
            }
            repair(&file).map_err(|error| EngineError::Instance(file, error))?;
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
        self.note_not_run(hook)?;
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

/// EB's console shows only the end of a failed hook's output: at most this many lines.
const SHOWN_LINES: usize = 50;

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

/// Makes a hook executable, and changes CRLF line ends of a script to LF. EB does this on all platforms that are based
/// on Amazon Linux 2023
/// (<https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/platforms-linux-extend.hooks.html>).
fn repair(hook: &Path) -> io::Result<()> {
    let text = fs::read(hook)?;
    if text.starts_with(b"#!") && text.windows(2).any(|two| two == b"\r\n") {
        let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let lines = lines.iter().map(|line| match line.strip_suffix(b"\r\n") {
            Some(line) => [line, b"\n"].concat(),
            None => line.to_vec(),
        });
        fs::write(hook, lines.collect::<Vec<_>>().concat())?;
    }
    let mode = hook.metadata()?.permissions().mode();
    fs::set_permissions(hook, fs::Permissions::from_mode(mode | 0o111))
}

/// Returns whether `file` is still below `root` when all its links are followed (openat2(2)). The engine runs on the
/// host, where an absolute link or a link with many `..` leads out of `root`.
fn is_within(root: &Path, file: &str) -> bool {
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    fs::File::open(root).is_ok_and(|root| {
        let file = file.trim_start_matches('/');
        openat2(root, file, flags, Mode::empty(), beneath).is_ok()
    })
}

/// The names of the files in `folder`, sorted.
fn list(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut hooks = Vec::new();
    for entry in entries {
        let entry = entry?;
        let is_absolute = || fs::read_link(entry.path()).is_ok_and(|target| target.is_absolute());
        let kind = entry.file_type()?;
        if kind.is_file() || kind.is_symlink() && (is_absolute() || entry.path().is_file()) {
            hooks.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    hooks.sort();
    Ok(hooks)
}
