//! Errors that prevent a scenario from being played.

use crate::bundle::BundleError;
use crate::engine::{EngineError, is_skipped};
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
        "the environment answers GET {path} with {status} to {target}\nhint: if the application expects a \
         load balancer, pass `--header 'X-Forwarded-Proto: https'`; otherwise set `[server] health-path` to a path \
         without a redirect"
    )]
    Redirected {
        /// The path of the clients.
        path: String,
        /// The status of the answer.
        status: u16,
        /// The target of the redirect.
        target: String,
    },
    /// The environment did not answer before the load began.
    #[error("the environment does not answer: {0}")]
    NotServing(String),
}

impl ScenarioError {
    /// What a user of `cargo xtask rehearse` can do about the error.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Deployment(_, EngineError::Hook { hook, .. }) if is_skipped("*", hook) => {
                let path = hook.strip_prefix(".platform/").unwrap_or(hook);
                Some(format!(
                    "a rehearsal has no network, no packages and no AWS; if the hook needs one of them, leave the \
                     hook out with `--skip-hook '{path}'`"
                ))
            }
            _ => None,
        }
    }
}
