//! A scenario: what happens to an instance, and what is expected of it.

use super::error::ScenarioError;
use super::expectation::{After, Clients, Tolerance};
use super::subject::Subject;

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

/// A part of a scenario.
pub type Act = fn(&mut Subject) -> Acted;

/// Whether a part could be played; what it found are the subject's checks.
pub(super) type Acted = Result<(), ScenarioError>;
