//! Why a scenario could not be played.

use crate::bundle::BundleError;
use crate::engine::EngineError;
use crate::load::LoadError;
use crate::machine::MachineError;

/// Why a scenario could not be played; a failed verdict is no error.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The instance.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The clients.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A bundle for the scenario.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A deployment that had to succeed.
    #[error("the {0} failed: {1}")]
    Deployment(String, #[source] EngineError),
    /// A deployment that had to fail.
    #[error("the {0} succeeded, and had to fail")]
    NotRefused(String),
    /// A command on the instance that had to succeed.
    #[error("`{0}` on the instance: {1}")]
    Command(String, String),
    /// Nothing answered before the load began.
    #[error("the environment does not answer: {0}")]
    NotServing(String),
}
