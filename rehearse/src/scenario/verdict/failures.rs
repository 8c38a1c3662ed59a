//! The failed requests of a scenario, and which of them the scenario tolerates.

use crate::record::Record;
use crate::scenario::check::Check;
use crate::scenario::excuse::{
    Circumstances, IDLE, IN_FLIGHT, describe, is_closed_by_reload, is_lost,
};
use crate::scenario::expectation::Tolerance;

/// Checks that there were enough requests, and that the scenario tolerates all failures.
pub(super) fn of(
    tolerance: Tolerance,
    records: &[Record],
    circumstances: &Circumstances,
) -> Vec<Check> {
    let failed: Vec<&Record> = records
        .iter()
        .filter(|record| record.outcome.failed())
        .collect();
    let said = format!("{} of {} requests failed", failed.len(), records.len());
    let groups = describe(&failed);
    let note = |text: &str| Check::note(text, format!("{said}: {groups}"));
    let load = Check::new(
        "too few requests for a verdict",
        records.len() > 100,
        format!("{}", records.len()),
    );
    let tolerated = is_tolerated(tolerance, &failed, circumstances);
    let failures = match (failed.is_empty(), tolerance) {
        (true, _) => Check::new(said, true, groups),
        (false, Tolerance::Measured) => {
            note("this scenario counts failures and does not judge them")
        }
        (false, Tolerance::InFlight) if tolerated => note(IN_FLIGHT),
        (false, _) if tolerated => note(IDLE),
        (false, _) => Check::new(said, false, groups),
    };
    vec![load, failures]
}

/// Whether the scenario tolerates all of these failures.
fn is_tolerated(tolerance: Tolerance, failed: &[&Record], circumstances: &Circumstances) -> bool {
    let only_idle = || {
        let mut failed = failed.iter();
        failed.all(|record| is_closed_by_reload(record, circumstances))
    };
    match tolerance {
        // The first certificate arrives soon after the deployment of a bundle with HTTPS. nginx must reload to use it.
        Tolerance::Nothing => circumstances.renews && only_idle(),
        Tolerance::IdleKeepAlives | Tolerance::Waiting => only_idle(),
        Tolerance::InFlight => circumstances.killed.is_some_and(|killed| {
            let excused = |record: &&Record| is_lost(record, killed, circumstances);
            failed.iter().all(excused)
        }),
        Tolerance::Measured => true,
    }
}

#[cfg(test)]
mod tests;
