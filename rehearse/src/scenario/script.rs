//! A scenario: an act on an instance, and the expected result.

use super::error::ScenarioError;
use super::expectation::{After, Clients, Tolerance};
use super::subject::Subject;
use crate::engine::Variants;

/// An act on an instance, with the expected result.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// A short description.
    pub about: &'static str,
    /// Prepares the instance before the load begins.
    pub prepare: Act,
    /// The act under load.
    pub act: Act,
    /// Which release must be current at the end.
    pub after: After,
    /// Which failures and delays are tolerated.
    pub tolerance: Tolerance,
    /// Which clients take part.
    pub clients: Clients,
}

impl Scenario {
    /// Returns the name in a report, with the variant of the engine unless it is the usual one.
    pub fn title(&self, variants: &Variants) -> String {
        match variants.name {
            "standard" => self.name.to_owned(),
            variant => format!("{} ({variant})", self.name),
        }
    }
}

/// A part of a scenario.
pub type Act = fn(&mut Subject) -> Acted;

/// Whether a part could be played. The results of its checks are in the [`Subject`].
pub(super) type Acted = Result<(), ScenarioError>;
