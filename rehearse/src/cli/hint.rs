//! Hints for a user of the command line.

use rehearse::scenario::ScenarioError;

/// Returns the error, with its hint if it has one.
pub(super) fn hinted(error: ScenarioError) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow::anyhow!("{error:#}\nhint: {hint}"),
        None => error.into(),
    }
}
