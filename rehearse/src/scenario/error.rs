//! Errors that prevent a scenario from being played.

use crate::bundle::BundleError;
use crate::engine::EngineError;
use crate::load::LoadError;
use crate::machine::MachineError;

/// An error that prevents a scenario from being played. A failed check is not such an error.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The instance failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The clients failed.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A bundle for the scenario could not be made.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A deployment failed that had to succeed.
    #[error("the {0} failed: {1}")]
    Deployment(String, #[source] EngineError),
    /// A deployment succeeded that had to fail.
    #[error("the {0} succeeded, but it had to fail")]
    NotRefused(String),
    /// A command on the instance failed that had to succeed.
    #[error("`{0}` failed on the instance: {1}")]
    Command(String, String),
    /// The environment redirects the path that the clients request.
    #[error(
        "the environment answers GET {path} with {status} to {target}\nhint: if it expects a load balancer, pass \
         `--header 'X-Forwarded-Proto: https'`; otherwise set `[server] health-path` to a path that it answers itself"
    )]
    Redirected {
        /// The path of the clients.
        path: String,
        /// The status of the answer.
        status: u16,
        /// Its target.
        target: String,
    },
    /// The environment did not answer before the load began.
    #[error("the environment does not answer: {0}")]
    NotServing(String),
}
