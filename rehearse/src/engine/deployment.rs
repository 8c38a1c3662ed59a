//! One command on the environment, and its result.

use std::fmt;

use super::error::EngineError;
use crate::clock::Window;
use crate::instruction::Instruction;

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
    /// EB's work after a reboot of the instance.
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

/// One command on the environment that has ended, with or without success.
#[derive(Debug)]
pub struct Deployment {
    /// The kind of command.
    pub kind: Kind,
    /// The time from the first instruction to the last.
    pub window: Window,
    /// The instructions.
    pub instructions: Vec<Instruction>,
    /// Whether EB considers the command successful.
    pub outcome: Result<(), EngineError>,
}
