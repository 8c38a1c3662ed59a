//! The reasons why a command on the environment fails.

use std::io;
use std::path::PathBuf;

/// The reason why a deployment failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A command of the engine itself exited non-zero.
    #[error("`{command}` failed with exit status {status}: {output}")]
    Command {
        /// The line given to `/bin/sh -c`.
        command: String,
        /// Its exit status.
        status: i32,
        /// Its output.
        output: String,
    },
    /// A hook of the bundle exited non-zero.
    #[error("the hook {hook} failed with exit status {status}: {output}")]
    Hook {
        /// Its path in the bundle.
        hook: String,
        /// Its exit status.
        status: i32,
        /// Its output.
        output: String,
    },
    /// A command of `.ebextensions` exited non-zero.
    #[error("the command {name} of .ebextensions failed with exit status {status}: {output}")]
    Extension {
        /// Its name.
        name: String,
        /// Its exit status.
        status: i32,
        /// Its output.
        output: String,
    },
    /// EB does not accept the version.
    #[error("{0}")]
    Refused(String),
    /// The command was aborted.
    #[error("the command was aborted before `{0}`")]
    Aborted(String),
    /// The Procfile is missing, or EB refuses it.
    #[error("Procfile: {0}")]
    Procfile(String),
    /// A process did not end.
    #[error("{0} is still active after it was stopped")]
    StillActive(String),
    /// The health daemon cannot track a registered process.
    #[error("failed to track the pid of {process} in healthd after {tries} tries: {reason}")]
    Untracked {
        /// Its unit.
        process: String,
        /// The number of attempts.
        tries: u32,
        /// The reason.
        reason: String,
    },
    /// The model itself could not access a file or start a program. The path is a file, a command or a unit.
    #[error("{0}: {1}")]
    Instance(PathBuf, #[source] io::Error),
    /// No version has been deployed that a configuration deployment could stage again.
    #[error("the environment has no application version yet")]
    NoBundle,
}
