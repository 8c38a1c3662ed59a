//! Hints for a user of the command line.

use rehearse::scenario::ScenarioError;

/// The error, with the hint for a user of the command line.
pub(super) fn hinted(error: ScenarioError) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow::anyhow!("{error:#}\nhint: {hint}"),
        None => error.into(),
    }
}
