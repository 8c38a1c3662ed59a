//! Plays a scenario, from the boot of the instance to the verdict.

use std::ops::Range;
use std::time::Duration;

use super::check::Check;
use super::error::ScenarioError;
use super::excuse::Circumstances;
use super::expectation::Clients;
use super::parameters::Parameters;
use super::script::Scenario;
use super::status::Status;
use super::subject::Subject;
use super::verdict;
use crate::bundle;
use crate::clock::Clock;
use crate::engine::{Deployment, Engine};
use crate::evidence;
use crate::instruction::Instruction;
use crate::load::{Load, Plan};
use crate::machine::Machine;
use crate::record::Record;
use crate::result::ScenarioResult;
use crate::stall::SETTLE;
use crate::summary::Summary;

/// How long the load runs before the act.
const STEADY: Duration = Duration::from_secs(5);
/// How long the load continues after the act and [`SETTLE`].
const AFTER: Duration = Duration::from_secs(2);

/// The result of a scenario, with the versions of systemd and nginx.
#[derive(Debug)]
pub struct Played {
    /// The result for the report.
    pub run: ScenarioResult,
    /// systemd's version.
    pub systemd: String,
    /// nginx's version.
    pub nginx: String,
}

/// Boots an instance, plays `scenario` on it, and judges the result.
///
/// # Errors
/// If the scenario could not be played; see [`ScenarioError`].
pub fn play(scenario: &Scenario, parameters: &Parameters) -> Result<Played, ScenarioError> {
    let clock = Clock::start();
    let machine = Machine::boot(&parameters.image, &parameters.machines)?;
    let mut engine = Engine::new(machine, parameters.variants, clock);
    engine.skip_hooks(&parameters.skipped_hooks);
    let mut subject = Subject::new(engine, parameters.clone(), clock)?;
    subject.start_authority()?;
    (scenario.prepare)(&mut subject)?;
    subject.deployments.clear();
    subject.wait_until_serving()?;
    let before = subject.status();
    let load = match plan(scenario, &subject)? {
        Some(plan) => Some(Load::start(plan, subject.namespace()?, clock.zero())?),
        None => None,
    };
    if let Some(load) = &load {
        load.when_late(evidence::witness(subject.engine.instance()));
    }
    // This sleep does not wait for a condition: the load needs time to measure.
    let measure = |length| load.as_ref().map(|_| std::thread::sleep(length));
    measure(STEADY);
    let start = clock.now();
    let acted = (scenario.act)(&mut subject);
    let end = clock.now();
    measure(SETTLE + AFTER);
    let records = load.map(Load::stop).transpose()?.unwrap_or_default();
    acted?;
    note_evidence(&mut subject);
    let observed = Observed {
        before,
        window: start..end,
        records,
    };
    finish(scenario, subject, observed)
}

/// Adds the folder of the saved state to the report.
fn note_evidence(subject: &mut Subject) {
    let folder = subject.engine.instance().evidence();
    if folder.exists() {
        let detail = folder.display().to_string();
        subject.note(
            "requests waited, so the instance's state was saved",
            &detail,
        );
    }
}

/// The observations of a scenario.
struct Observed {
    before: Status,
    window: Range<Duration>,
    records: Vec<Record>,
}

/// Judges the observations, and builds the result for the report.
fn finish(
    scenario: &Scenario,
    mut subject: Subject,
    observed: Observed,
) -> Result<Played, ScenarioError> {
    let (before, window, records) = (observed.before, observed.window, observed.records);
    let summary = Summary::of(&records, window.start..window.end + SETTLE);
    let (systemd, nginx) = subject.versions();
    let circumstances = circumstances(&subject, &before, &nginx)?;
    let front = front(&before, &subject.status());
    let checks = verdict::judge(
        scenario,
        &mut subject,
        &before,
        &records,
        &circumstances,
        &summary,
    );
    let run = ScenarioResult {
        scenario: scenario.title(&subject.parameters.variants),
        front,
        deploy_seconds: (window.end - window.start).as_secs_f64(),
        deploy: window,
        instructions: instructions(&subject.deployments),
        ok: checks.iter().all(|check| check.ok),
        reasons: checks
            .into_iter()
            .filter(Check::is_worth_saying)
            .map(|check| check.to_string())
            .collect(),
        summary,
        records,
    };
    Ok(Played {
        run,
        systemd,
        nginx,
    })
}

fn circumstances(
    subject: &Subject,
    before: &Status,
    nginx: &str,
) -> Result<Circumstances, ScenarioError> {
    Ok(Circumstances {
        nginx: nginx.to_owned(),
        killed: subject.killed,
        direct: before.front() == "direct",
        retries: bundle::retries(&subject.parameters.from)?,
        renews: subject.https.needs_authority(),
    })
}

fn instructions(deployments: &[Deployment]) -> Vec<Instruction> {
    let all = deployments.iter().flat_map(|done| &done.instructions);
    all.cloned().collect()
}

/// Returns the front mode before the scenario. If flipless was not installed then, as in an adoption, returns the mode
/// after the scenario.
fn front(before: &Status, after: &Status) -> String {
    if before.is_there() { before } else { after }.front()
}

/// The clients of a scenario.
fn plan(scenario: &Scenario, subject: &Subject) -> Result<Option<Plan>, ScenarioError> {
    let kinds = match scenario.clients {
        Clients::None => return Ok(None),
        Clients::All if subject.serves_long_requests()? => Plan::default(),
        Clients::Repeatable if subject.serves_long_requests()? => Plan {
            slow: Plan::default().slow,
            ..Plan::only_path("")
        },
        Clients::All | Clients::Repeatable | Clients::Plain => Plan::only_path(""),
    };
    let tls = match scenario.clients {
        Clients::All | Clients::Repeatable => subject.tls(),
        Clients::Plain | Clients::None => None,
    };
    Ok(Some(Plan {
        host: subject.host(),
        tls,
        rate: subject.parameters.rate,
        path: subject.path.clone(),
        manner: subject.parameters.manner.clone(),
        ..kinds
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_mode_is_that_of_the_bundle_with_flipless() {
        let without = Status::default();
        let with = Status::of_front("nginx");
        assert_eq!(front(&without, &with), "nginx");
        assert_eq!(front(&with, &without), "nginx");
        assert_eq!(front(&without, &without), "stock");
    }
}
