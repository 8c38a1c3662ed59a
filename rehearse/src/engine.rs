//! What EB's engine does on an instance, in its order, as its logs show it.
//!
//! Not modelled: `.ebextensions` (`packages`, `files`, `commands`, `container_commands`), log
//! streaming, X-Ray, and the worker tier. The log says so where a bundle has them.

mod environment;
mod error;
mod flip;
mod hooks;
mod log;
mod paths;
mod process;
mod procfile;
mod proxy;
mod staging;
mod steps;
mod track;
pub mod variants;

use std::fmt;
use std::path::Path;
use std::time::Duration;

pub use environment::Properties;
pub use error::EngineError;
pub use log::History;
pub use procfile::Process;
pub use variants::Variants;

use flipless_settings::layout;

use crate::clock::{Clock, Window};
use crate::instruction::Instruction;
use crate::machine::{Instance, Machine, MachineError};
use log::Log;

/// The command that EB received.
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
    pub instructions: Vec<Instruction>,
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
    pub fn history(&self) -> &History {
        &self.log.history
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
            let stored = engine.path(paths::BUNDLE);
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
                engine.instruction("stop proxy", |engine| engine.stop_process(layout::NGINX))?;
            }
            engine.instruction("RestartApplication", Self::restart_application)?;
            if proxy {
                engine.instruction("start proxy", |engine| engine.start_process(layout::NGINX))?;
            }
            engine.instruction("Track pids in healthd", Self::track_pids)
        })
    }

    /// The instructions that application and configuration deployments share.
    fn run_deployment(&mut self, tree: &str) -> Step {
        self.instruction("StageApplication", Self::recreate_staging)?;
        let hooks = |folder: &str| format!(".platform/{tree}/{folder}");
        self.instruction("RunAppDeployPreBuildHooks", |engine| {
            engine.run_hooks(&hooks("prebuild"), paths::STAGING)
        })?;
        self.instruction("Golang Specific Build Application", Self::check_procfile)?;
        self.instruction("configure proxy Nginx", Self::stage_proxy)?;
        self.instruction("RunAppDeployPreDeployHooks", |engine| {
            engine.run_hooks(&hooks("predeploy"), paths::STAGING)
        })?;
        self.instruction("stop X-Ray", Self::stop_xray)?;
        self.instruction("stop proxy", Self::stop_proxy)?;
        self.instruction("FlipApplication", Self::flip_application)?;
        self.instruction("start proxy with new configuration", Self::start_proxy)?;
        self.instruction("Track pids in healthd", Self::track_pids)?;
        self.instruction("RunAppDeployPostDeployHooks", |engine| {
            engine.run_hooks(&hooks("postdeploy"), paths::CURRENT)
        })
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
                engine.instruction("start proxy", |engine| engine.start_process(layout::NGINX))?;
            }
            engine.instruction("Track pids in healthd", Self::track_pids)
        }))
    }
}

#[cfg(test)]
mod tests;
