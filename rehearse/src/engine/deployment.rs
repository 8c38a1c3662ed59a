//! One command on the environment, and what came of it.

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
