//! A model of EB's engine. The model does the work that EB's logs show, in the same order.
//!
//! The model carries out these sections of `.ebextensions`: `files`, `commands`, `container_commands` and a
//! part of `option_settings`. It leaves out the other sections, log streaming, X-Ray and the worker tier. The log
//! names each section and each option of a bundle that the model leaves out.

mod boot;
mod container_commands;
mod deployment;
mod environment;
mod error;
mod extensions;
mod flip;
mod get_config;
mod hooks;
mod lifecycle;
mod log;
mod not_run;
mod paths;
mod prebuild;
mod process;
mod procfile;
mod proxy;
mod skipped;
mod staging;
mod steps;
mod track;
pub mod variants;

use std::sync::Arc;
use std::time::Duration;

pub use deployment::{Deployment, Kind};
pub use environment::Properties;
pub use error::EngineError;
pub use log::History;
pub use procfile::Process;
pub use skipped::is_skipped;
pub use variants::Variants;

use crate::clock::Clock;
use crate::machine::Instance;
use extensions::Extensions;
use log::Log;

/// EB's engine on one instance.
#[derive(Debug)]
pub struct Engine<I> {
    instance: I,
    variants: Variants,
    log: Log,
    /// The environment's own properties.
    properties: Properties,
    /// Secrets: properties whose values are stored elsewhere, for example in Secrets Manager.
    secrets: Properties,
    /// Secrets that only EB's environment file has.
    withheld: Properties,
    /// `.ebextensions` of the last deployed version.
    extensions: Arc<Extensions>,
    /// Patterns of hooks that are left out.
    skipped_hooks: Vec<String>,
    /// The instruction before which the next deployment is aborted.
    abort: Option<String>,
    /// The pause before EB repeats a failed attempt.
    pause: Duration,
}

type Step = Result<(), EngineError>;

impl<I: Instance> Engine<I> {
    /// An engine for `instance` whose history uses `clock`.
    pub fn new(instance: I, variants: Variants, clock: Clock) -> Self {
        Self {
            instance,
            variants,
            log: Log::new(clock),
            properties: Properties::new(),
            secrets: Properties::new(),
            withheld: Properties::new(),
            extensions: Arc::default(),
            skipped_hooks: Vec::new(),
            abort: None,
            pause: Duration::from_secs(1),
        }
    }

    /// The instance.
    pub fn instance(&self) -> &I {
        &self.instance
    }

    /// The engine's behaviour.
    pub fn variants(&self) -> Variants {
        self.variants
    }

    /// Changes the engine's behaviour, as an update of the platform may do.
    pub fn behave(&mut self, variants: Variants) {
        self.variants = variants;
    }

    /// Everything that has run so far.
    pub fn history(&self) -> &History {
        &self.log.history
    }

    /// Returns the path of the last command's log. EB's console shows this log.
    pub fn deployment_log(&self) -> String {
        self.log.of_deployment()
    }

    /// Sets the secrets (`aws:elasticbeanstalk:application:environmentsecrets`). They apply from the next
    /// deployment or restart on.
    pub fn keep_secrets(&mut self, secrets: Properties) {
        self.secrets = secrets;
    }

    /// Sets secrets that neither hooks nor `get-config` see. On a real instance, hooks see all secrets, according to
    /// AWS's documentation.
    pub fn withhold_secrets(&mut self, secrets: Properties) {
        self.withheld = secrets;
    }

    /// The value of a secret.
    pub fn secret(&self, name: &str) -> Option<&str> {
        self.secrets.get(name).map(String::as_str)
    }

    /// Makes the next command abort before this instruction. In EB, a timeout or a person can cause an abort.
    pub fn abort_before(&mut self, instruction: &str) {
        self.abort = Some(instruction.to_owned());
    }

    /// Cancels [`Self::abort_before`], if no command has reached the instruction.
    pub fn abort_no_more(&mut self) {
        self.abort = None;
    }
}

#[cfg(test)]
mod tests;
