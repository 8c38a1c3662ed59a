//! What happens to an instance under load, and whether it went well.

mod acts;
mod list;
mod play;
mod stage;
mod verdict;

use std::path::PathBuf;

pub use list::{ALL, named};
pub use play::play;
pub use stage::Stage;
pub use verdict::Check;

use crate::bundle::BundleError;
use crate::engine::{EngineError, Variants};
use crate::image::Image;
use crate::load::LoadError;
use crate::machine::MachineError;
use crate::result::ScenarioResult;

/// Something that happens to an instance.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, for people.
    pub about: &'static str,
    /// Brings the instance to where the load begins.
    pub prepare: Act,
    /// What happens under load.
    pub act: Act,
    /// Which release is current at the end.
    pub after: After,
    /// Which failures and delays are part of it.
    pub tolerance: Tolerance,
    /// Which clients there are.
    pub clients: Clients,
}

/// Which release is current after a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Another one.
    Another,
    /// The same release; in the same run or in a new one.
    Same,
    /// The very same run: the deployment was refused.
    SameRun,
    /// Whatever there is: flipless came or went.
    Any,
}

/// What is not held against a scenario. It is reported all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// Nothing fails, nothing waits.
    Nothing,
    /// Idle kept connections may be closed, by an nginx before 1.27.4 alone; nothing waits.
    IdleKeepAlives,
    /// The same, and requests may wait while something starts again.
    Waiting,
    /// Requests may wait. What a killed server had begun is lost with it, but not what nginx sends
    /// again: where the bundle has it do so, a GET whose answer had not begun is not lost.
    InFlight,
    /// Failures are counted, not judged.
    Measured,
}

/// Which clients take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// All kinds, as far as the server has what they ask for.
    All,
    /// Those whose requests can be sent again: quick ones and, where the server has them, slow ones.
    Repeatable,
    /// Those that any web application can answer.
    Plain,
    /// None: a reboot ends the instance's network.
    None,
}

/// A part of a scenario.
pub type Act = fn(&mut Stage) -> Result<(), ScenarioError>;

/// What all scenarios of a rehearsal share.
#[derive(Debug, Clone)]
pub struct Setting {
    /// What the instance is booted from.
    pub image: Image,
    /// Where machines are made.
    pub machines: PathBuf,
    /// Where bundles are made.
    pub bundles: PathBuf,
    /// The bundle that runs first.
    pub from: PathBuf,
    /// The bundle that is deployed.
    pub to: PathBuf,
    /// New connections a second.
    pub rate: u32,
    /// How the engine behaves.
    pub variants: Variants,
}

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

/// A scenario, played, with the versions of systemd and nginx.
#[derive(Debug)]
pub struct Played {
    /// What the report shows.
    pub run: ScenarioResult,
    /// systemd's version.
    pub systemd: String,
    /// nginx's version.
    pub nginx: String,
}
