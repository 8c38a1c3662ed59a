//! Whether a scenario went well.

use std::fmt;
use std::time::Duration;

use super::stage::{Stage, Status};
use super::{After, Clients, Scenario, Tolerance};
use crate::clock::Window;
use crate::machine::{Instance, wait_for};
use crate::record::{Kind, Outcome, Record};
use crate::summary::Summary;

/// The deployment's p99.9 may be above the steady one by this.
const SLOWER_MS: f64 = 25.0;
/// A replaced run drains first: its unit ends a little after the longest request, or deadline.
const DRAINED: Duration = Duration::from_secs(100);
/// The first nginx whose reload leaves idle connections open (`keepalive_min_timeout`).
const KEEPS_IDLE: [u32; 3] = [1, 27, 4];

/// One thing that had to be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    name: &'static str,
    /// Whether it was.
    pub ok: bool,
    detail: String,
    note: bool,
}

impl Check {
    pub(super) fn new(name: &'static str, ok: bool, detail: impl Into<String>) -> Self {
        Self {
            name,
            ok,
            detail: detail.into(),
            note: false,
        }
    }

    /// Something to say of a scenario that went well.
    fn note(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            note: true,
            ..Self::new(name, true, detail)
        }
    }

    /// What failed, and notes.
    pub(super) fn is_worth_saying(&self) -> bool {
        self.note || !self.ok
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.ok { "" } else { "not so: " };
        write!(formatter, "{not}{} ({})", self.name, self.detail)
    }
}

pub(super) fn judge(
    scenario: &Scenario,
    stage: &mut Stage,
    before: &Status,
    records: &[Record],
    nginx: &str,
    summary: &Summary,
) -> Vec<Check> {
    let mut checks = std::mem::take(&mut stage.checks);
    if scenario.clients != Clients::None {
        checks.extend(of_failures(
            scenario.tolerance,
            records,
            nginx,
            stage.killed,
        ));

        checks.extend(of_latency(scenario.tolerance, summary));
    }
    checks.extend(of_releases(scenario, stage, before));
    checks.extend(["web.service", "nginx.service"].map(|unit| has_process(stage, unit)));
    checks
}

/// What the clients lost.
fn of_failures(
    tolerance: Tolerance,
    records: &[Record],
    nginx: &str,
    killed: Option<Window>,
) -> Vec<Check> {
    let failed: Vec<&Record> = records
        .iter()
        .filter(|record| record.outcome.failed())
        .collect();
    let said = describe(&failed);
    let load = Check::new(
        "there was load",
        records.len() > 100,
        format!("{}", records.len()),
    );
    let tolerated = match tolerance {
        Tolerance::Nothing => false,
        Tolerance::IdleKeepAlives | Tolerance::Waiting => {
            !keeps_idle(nginx) && failed.iter().all(|record| is_idle_close(record))
        }
        Tolerance::InFlight => {
            killed.is_some_and(|killed| failed.iter().all(|record| was_in_flight(record, killed)))
        }
        Tolerance::Measured => true,
    };
    let failures = match (failed.is_empty(), tolerance) {
        (true, _) => Check::new("no request failed", true, "0"),
        (false, Tolerance::Measured) => Check::note("measured, not judged", said),
        (false, Tolerance::InFlight) if tolerated => {
            Check::note("what the killed server had begun is lost with it", said)
        }
        (false, _) if tolerated => Check::note(
            "nginx before 1.27.4 closes idle connections when workers change",
            said,
        ),
        (false, _) => Check::new("no request failed", false, said),
    };
    vec![load, failures]
}

/// It was sent before the process was gone, and failed after the kill began.
fn was_in_flight(record: &Record, killed: Window) -> bool {
    record.at <= killed.end && record.at + record.latency >= killed.start
}

fn is_idle_close(record: &Record) -> bool {
    record.kind == Kind::KeepAlive && matches!(record.outcome, Outcome::Closed | Outcome::Reset)
}

fn keeps_idle(nginx: &str) -> bool {
    let mut numbers = nginx.split('.').map(|part| part.parse().unwrap_or(0));
    let version = [(); 3].map(|()| numbers.next().unwrap_or(0));
    version >= KEEPS_IDLE
}

/// Failures by client and outcome, with the first and the last one's time.
fn describe(failed: &[&Record]) -> String {
    let mut groups = std::collections::BTreeMap::new();
    for record in failed {
        let (first, last, count) = groups
            .entry((record.kind, record.outcome))
            .or_insert((record.at, record.at, 0));
        (*first, *last, *count) = ((*first).min(record.at), (*last).max(record.at), *count + 1);
    }
    let group =
        |((kind, outcome), (first, last, count)): ((Kind, Outcome), (Duration, Duration, i32))| {
            let (first, last) = (first.as_secs_f64(), last.as_secs_f64());
            format!("{count} {kind:?} {outcome:?} from {first:.2} s to {last:.2} s")
        };
    groups.into_iter().map(group).collect::<Vec<_>>().join("; ")
}

/// What the clients waited.
fn of_latency(tolerance: Tolerance, summary: &Summary) -> Option<Check> {
    if matches!(
        tolerance,
        Tolerance::Waiting | Tolerance::InFlight | Tolerance::Measured
    ) {
        return None;
    }
    let (Some(steady), Some(deploy)) = (&summary.steady, &summary.deploy) else {
        return Some(Check::new(
            "requests were answered",
            false,
            "none in one of the two phases",
        ));
    };
    let (steady, deploy) = (steady.p999_ms, deploy.p999_ms);
    let detail = format!("p99.9 {deploy:.1} ms in the deployment, {steady:.1} ms in steady state");
    Some(Check::new(
        "no request waited",
        deploy <= steady + SLOWER_MS,
        detail,
    ))
}

fn of_releases(scenario: &Scenario, stage: &Stage, before: &Status) -> Vec<Check> {
    let after = stage.status();
    let name = |name: Option<String>| name.unwrap_or_else(|| "none".into());
    let mut checks = Vec::new();
    let changed = after.release() != before.release();
    let releases = format!("{} after {}", name(after.release()), name(before.release()));
    let runs = format!("{} after {}", name(after.run()), name(before.run()));
    if before.is_there() {
        checks.extend(match scenario.after {
            After::Another => Some(Check::new("another release is current", changed, releases)),
            After::Same => Some(Check::new(
                "the same release is current",
                !changed,
                releases,
            )),
            After::SameRun => Some(Check::new(
                "the same run is current",
                after.run() == before.run(),
                runs,
            )),
            After::Any => None,
        });
    }
    checks.push(serves(stage, after.run()));
    let old = before
        .unit()
        .filter(|old| after.unit().as_ref() != Some(old));
    checks.extend(old.map(|old| is_gone(stage, &old)));
    checks
}

/// The instance answers, and if the server says which run it is, it's the current one.
fn serves(stage: &Stage, current: Option<String>) -> Check {
    let name = "the current release serves";
    match stage.ask() {
        Ok(answer) if answer.status == 200 => {
            let fits = answer.run == current || answer.run.is_none();
            let run = answer
                .run
                .unwrap_or_else(|| "a server that does not say its run".into());
            Check::new(name, fits, format!("{run} answered"))
        }
        Ok(answer) => Check::new(name, false, format!("status {}", answer.status)),
        Err(error) => Check::new(name, false, error.to_string()),
    }
}

fn is_gone(stage: &Stage, unit: &str) -> Check {
    let mut state = String::new();
    let gone = wait_for(DRAINED, || {
        state = stage.say(&format!("systemctl is-active {unit}"));
        matches!(state.as_str(), "inactive" | "failed").then_some(())
    });
    let ended = gone.is_some() && state == "inactive";
    Check::new(
        "the old release is gone",
        ended,
        format!("{unit} is {state}"),
    )
}

/// EB fails a deployment whose processes have no main pid.
fn has_process(stage: &Stage, unit: &'static str) -> Check {
    let pid = stage.main_pid(unit);
    let process = stage.engine.instance().root().join("proc").join(&pid);
    let alive = pid.parse::<u32>().is_ok_and(|pid| pid > 0) && process.exists();
    Check::new(
        "EB's processes live",
        alive,
        format!("{unit}: main pid {pid}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: Kind, outcome: Outcome) -> Vec<Record> {
        let ok = Record {
            at: Duration::ZERO,
            kind: Kind::New,
            latency: Duration::ZERO,
            outcome: Outcome::Ok,
            run: None,
        };
        let mut records = vec![ok.clone(); 200];
        records.push(Record {
            kind,
            outcome,
            ..ok
        });
        records
    }

    fn passes(tolerance: Tolerance, records: &[Record], nginx: &str) -> bool {
        of_failures(tolerance, records, nginx, None)
            .iter()
            .all(|check| check.ok)
    }

    #[test]
    fn any_failure_counts_where_nothing_is_tolerated() {
        assert!(!passes(
            Tolerance::Nothing,
            &failure(Kind::KeepAlive, Outcome::Closed),
            "1.22.1"
        ));
        assert!(passes(
            Tolerance::Nothing,
            &failure(Kind::New, Outcome::Ok),
            "1.22.1"
        ));
        assert!(
            !passes(Tolerance::Nothing, &[], "1.22.1"),
            "no load proves nothing"
        );
    }

    #[test]
    fn only_an_old_nginx_may_close_only_idle_connections() {
        let tolerance = Tolerance::IdleKeepAlives;
        assert!(passes(
            tolerance,
            &failure(Kind::KeepAlive, Outcome::Closed),
            "1.22.1"
        ));
        assert!(!passes(
            tolerance,
            &failure(Kind::KeepAlive, Outcome::Closed),
            "1.27.4"
        ));
        assert!(!passes(
            tolerance,
            &failure(Kind::New, Outcome::Closed),
            "1.22.1"
        ));
        assert!(!passes(
            tolerance,
            &failure(Kind::KeepAlive, Outcome::Timeout),
            "1.22.1"
        ));
    }

    #[test]
    fn a_kill_excuses_only_what_was_in_flight() {
        let at = Duration::from_millis;
        let killed = Window {
            start: at(1000),
            end: at(1010),
        };
        let lost = |start, latency| Record {
            at: at(start),
            kind: Kind::New,
            latency: at(latency),
            outcome: Outcome::Status(502),
            run: None,
        };
        assert!(was_in_flight(&lost(995, 10), killed));
        assert!(was_in_flight(&lost(1005, 3), killed));
        assert!(
            !was_in_flight(&lost(1011, 3), killed),
            "the listener was held"
        );
        assert!(
            !was_in_flight(&lost(900, 50), killed),
            "nothing was killed yet"
        );
    }
}
