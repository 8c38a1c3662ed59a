//! What EB's engine does on an instance, in its order, as its logs show it.
//!
//! Not modelled: `.ebextensions` (`packages`, `files`, `commands`, `container_commands`), log
//! streaming, X-Ray, and the worker tier. The log says so where a bundle has them.

mod environment;
mod error;
mod flip;
mod hooks;
mod log;
mod process;
mod procfile;
mod proxy;
mod stage;
mod track;
pub mod variants;

use std::fmt;
use std::path::Path;
use std::time::Duration;

pub use environment::Properties;
pub use error::EngineError;
pub use log::{Phase, Record};
pub use procfile::Process;
pub use variants::Variants;

use crate::clock::{Clock, Window};
use crate::machine::{Command, Instance, Machine, MachineError, Output};
use log::{Level, Log};

/// What EB was told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Launches the environment with its first application version.
    Create,
    /// Deploys an application version.
    Application,
    /// Deploys changed environment properties.
    Configuration,
    /// "Restart app server(s)".
    Restart,
    /// What EB does after the instance has booted again.
    Boot,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Create => "environment creation",
            Self::Application => "application deployment",
            Self::Configuration => "configuration deployment",
            Self::Restart => "app server restart",
            Self::Boot => "boot",
        })
    }
}

/// One command on the environment, done or failed.
#[derive(Debug)]
pub struct Deployment {
    /// What it was.
    pub kind: Kind,
    /// From its first instruction to its last.
    pub window: Window,
    /// Its instructions.
    pub phases: Vec<Phase>,
    /// EB's verdict.
    pub outcome: Result<(), EngineError>,
}

/// EB's engine on one instance.
#[derive(Debug)]
pub struct Engine<I> {
    instance: I,
    variants: Variants,
    log: Log,
    properties: Properties,
    /// Between two tries of what EB repeats.
    pause: Duration,
}

type Step = Result<(), EngineError>;

impl<I: Instance> Engine<I> {
    /// An engine for `instance`, logging on `clock`.
    pub fn new(instance: I, variants: Variants, clock: Clock) -> Self {
        Self {
            instance,
            variants,
            log: Log::new(clock),
            properties: Properties::new(),
            pause: Duration::from_secs(1),
        }
    }

    /// The instance.
    pub fn instance(&self) -> &I {
        &self.instance
    }

    /// All that was run so far.
    pub fn record(&self) -> &Record {
        &self.log.record
    }

    /// The environment's properties.
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// Launches the environment: a first application deployment on a fresh instance.
    pub fn create_environment(&mut self, bundle: &Path, properties: Properties) -> Deployment {
        self.properties = properties;
        self.execute(Kind::Create, |engine| {
            engine.instruction("GetBundle", |engine| engine.download(bundle))?;
            engine.run_deployment("hooks")
        })
    }

    /// Deploys an application version.
    pub fn deploy(&mut self, bundle: &Path) -> Deployment {
        self.execute(Kind::Application, |engine| {
            engine.instruction("GetBundle", |engine| engine.download(bundle))?;
            engine.run_deployment("hooks")
        })
    }

    /// Sets and, by `None`, removes environment properties; restages the stored bundle and flips.
    pub fn configure(&mut self, changes: &[(&str, Option<&str>)]) -> Deployment {
        for (name, value) in changes {
            match value {
                Some(value) => self
                    .properties
                    .insert((*name).to_owned(), (*value).to_owned()),
                None => self.properties.remove(*name),
            };
        }
        self.execute(Kind::Configuration, |engine| {
            let stored = engine.path(stage::BUNDLE);
            if !stored.exists() {
                return Err(EngineError::NoBundle);
            }
            engine.run_deployment("confighooks")
        })
    }

    /// "Restart app server(s)".
    pub fn restart_app_server(&mut self) -> Deployment {
        self.execute(Kind::Restart, |engine| {
            let proxy = engine.variants.restarts_proxy;
            if proxy {
                engine.instruction("stop proxy", |engine| engine.stop_process("nginx.service"))?;
            }
            engine.instruction("RestartApplication", Self::restart_application)?;
            if proxy {
                engine.instruction("start proxy", |engine| {
                    engine.start_process("nginx.service")
                })?;
            }
            engine.instruction("Track pids in healthd", Self::track_pids)
        })
    }

    /// The instructions that application and configuration deployments share.
    fn run_deployment(&mut self, tree: &str) -> Step {
        self.instruction("StageApplication", Self::stage)?;
        let hooks = |stage: &str| format!(".platform/{tree}/{stage}");
        self.instruction("RunAppDeployPreBuildHooks", |engine| {
            engine.run_hooks(&hooks("prebuild"), stage::STAGING)
        })?;
        self.instruction("Golang Specific Build Application", Self::check_procfile)?;
        self.instruction("configure proxy Nginx", Self::stage_proxy)?;
        self.instruction("RunAppDeployPreDeployHooks", |engine| {
            engine.run_hooks(&hooks("predeploy"), stage::STAGING)
        })?;
        self.instruction("stop X-Ray", Self::stop_xray)?;
        self.instruction("stop proxy", Self::stop_proxy)?;
        self.instruction("FlipApplication", Self::flip_application)?;
        self.instruction("start proxy with new configuration", Self::start_proxy)?;
        self.instruction("Track pids in healthd", Self::track_pids)?;
        self.instruction("RunAppDeployPostDeployHooks", |engine| {
            engine.run_hooks(&hooks("postdeploy"), stage::CURRENT)
        })
    }

    fn execute(&mut self, kind: Kind, steps: impl FnOnce(&mut Self) -> Step) -> Deployment {
        let start = self.log.clock.now();
        let first_phase = self.log.record.phases.len();
        let outcome = self
            .info(format_args!("Starting: {kind}"))
            .and_then(|()| self.publish_properties())
            .and_then(|()| steps(self));
        let end = self.log.clock.now();
        // The outcome matters more than whether its line could be written.
        let _ = match &outcome {
            Ok(()) => self.info(format_args!("The {kind} succeeded")),
            Err(error) => self.write_log(Level::Error, format_args!("The {kind} failed: {error}")),
        };
        let phases = self.log.record.phases[first_phase..].to_vec();
        Deployment {
            kind,
            window: Window { start, end },
            phases,
            outcome,
        }
    }

    /// Runs one instruction and records it as a phase.
    fn instruction(&mut self, name: &str, step: impl FnOnce(&mut Self) -> Step) -> Step {
        self.info(format_args!("Executing instruction: {name}"))?;
        let start = self.log.clock.now();
        let outcome = step(self);
        let window = Window {
            start,
            end: self.log.clock.now(),
        };
        self.log.record.phases.push(Phase {
            name: name.to_owned(),
            window,
        });
        outcome
    }

    fn publish_properties(&mut self) -> Step {
        let root = self.instance.root();
        environment::publish(&root, &self.properties)
            .map_err(|error| EngineError::Instance(root, error))
    }

    /// Runs a line that may fail: EB looks at the answer.
    fn ask(&mut self, line: &str) -> Result<Output, EngineError> {
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

    /// Runs a line whose failure is the deployment's.
    fn command(&mut self, line: &str) -> Result<Output, EngineError> {
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

    fn info(&self, text: impl fmt::Display) -> Step {
        self.write_log(Level::Info, text)
    }

    fn warn(&self, text: impl fmt::Display) -> Step {
        self.write_log(Level::Warn, text)
    }

    fn write_log(&self, level: Level, text: impl fmt::Display) -> Step {
        let root = self.instance.root();
        self.log
            .line(&root, level, text)
            .map_err(|error| EngineError::Instance(root, error))
    }

    /// A path on the instance, as seen from here.
    fn path(&self, path: &str) -> std::path::PathBuf {
        self.instance.root().join(path.trim_start_matches('/'))
    }
}

impl Engine<Machine> {
    /// Reboots the instance; then EB starts what it alone starts.
    ///
    /// # Errors
    /// When the machine doesn't come up.
    pub fn reboot(&mut self) -> Result<Deployment, MachineError> {
        self.instance.reboot()?;
        Ok(self.execute(Kind::Boot, |engine| {
            if engine.variants.starts_proxy_at_boot {
                engine.instruction("start proxy", |engine| {
                    engine.start_process("nginx.service")
                })?;
            }
            engine.instruction("Track pids in healthd", Self::track_pids)
        }))
    }
}

#[cfg(test)]
mod tests;
