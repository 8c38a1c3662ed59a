//! Whether a new version answered before EB's flip. Only the flip may change the version.

use std::time::Duration;

use crate::record::Record;
use crate::scenario::check::Check;
use crate::scenario::expectation::After;

/// EB's name for the instruction that changes the version.
pub(super) const FLIP: &str = "FlipApplication";

/// Checks the answers of new runs. `before` is the run that served first. `flip` is the start of the first flip.
pub(super) fn of(
    after: After,
    records: &[Record],
    before: Option<&str>,
    flip: Option<Duration>,
) -> Option<Check> {
    let before = before.filter(|_| after != After::Any)?;
    // Without a flip, a restart of the server may start another run.
    if flip.is_none() && after != After::SameRun {
        return None;
    }
    let is_new = |record: &&Record| record.run.as_deref().is_some_and(|run| run != before);
    let is_early = |record: &&Record| flip.is_none_or(|flip| record.at + record.latency < flip);
    let early: Vec<_> = records.iter().filter(is_new).filter(is_early).collect();
    let first = early.iter().map(|record| record.at.as_secs_f64());
    let first = first.fold(f64::INFINITY, f64::min);
    let detail = match early.len() {
        1 => format!("1 answer, at {first:.2} s"),
        count => format!("{count} answers, the first at {first:.2} s"),
    };
    Some(Check::new(
        "a new version answered before the flip",
        early.is_empty(),
        detail,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Kind, Outcome};

    fn record(at: u64, run: Option<&str>) -> Record {
        Record {
            at: Duration::from_secs(at),
            kind: Kind::New,
            latency: Duration::from_millis(10),
            outcome: Outcome::Ok,
            run: run.map(String::from),
            certificate: None,
        }
    }

    fn ok(after: After, records: &[Record], flip: Option<u64>) -> Option<bool> {
        let flip = flip.map(Duration::from_secs);
        of(after, records, Some("a-1"), flip).map(|check| check.ok)
    }

    #[test]
    fn a_new_run_may_answer_from_the_flip_on() {
        let records = [
            record(1, Some("a-1")),
            record(5, Some("b-2")),
            record(5, None),
        ];
        assert_eq!(ok(After::Another, &records, Some(5)), Some(true));
        assert_eq!(ok(After::Another, &records, Some(6)), Some(false));
    }

    #[test]
    fn without_a_flip_no_other_run_may_answer() {
        assert_eq!(
            ok(After::SameRun, &[record(1, Some("a-1"))], None),
            Some(true)
        );
        assert_eq!(
            ok(After::SameRun, &[record(1, Some("b-2"))], None),
            Some(false)
        );
        assert_eq!(ok(After::Same, &[record(1, Some("a-2"))], None), None);
    }

    #[test]
    fn an_instance_without_flipless_is_not_checked() {
        let flip = Some(Duration::from_secs(1));
        assert_eq!(of(After::Another, &[record(0, None)], None, flip), None);
        // After `flipless uninstall` the server belongs to no run.
        let alone = [record(0, Some("none"))];
        assert_eq!(ok(After::Any, &alone, Some(1)), None);
    }
}
