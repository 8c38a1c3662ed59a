//! Scenarios. A scenario plays acts on an instance under load, and gives a verdict.

mod acts;
mod check;
mod error;
mod excuse;
mod expectation;
mod list;
mod parameters;
mod play;
mod script;
mod soak;
mod status;
mod subject;
mod verdict;

pub use check::Check;
pub use error::ScenarioError;
pub use expectation::{After, Clients, Tolerance};
pub use list::{ALL, named};
pub use parameters::Parameters;
pub use play::{Played, play};
pub use script::{Act, Scenario};
pub use soak::{Soak, Soaked, soak};
pub use subject::Subject;
