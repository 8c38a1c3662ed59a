//! From the boot to the verdict.

use std::ops::Range;
use std::time::Duration;

use super::stage::{Stage, Status};
use super::verdict::{self, Check, Circumstances};
use super::{Clients, Played, Scenario, ScenarioError, Setting};
use crate::bundle;
use crate::clock::Clock;
use crate::engine::{self, Deployment, Engine, Variants};
use crate::load::{Load, Plan};
use crate::machine::Machine;
use crate::record::{Phase, Record};
use crate::result::ScenarioResult;
use crate::summary::Summary;

/// How long the load runs before anything happens.
const STEADY: Duration = Duration::from_secs(5);
/// What an event sets off may show a little later.
const SETTLE: Duration = Duration::from_secs(1);
/// And how long the load runs on at the end.
const AFTER: Duration = Duration::from_secs(2);

/// Boots an instance, plays `scenario` on it, and judges.
///
/// # Errors
/// When it could not be played; see [`ScenarioError`].
pub fn play(scenario: &Scenario, setting: &Setting) -> Result<Played, ScenarioError> {
    let clock = Clock::start();
    let machine = Machine::boot(&setting.image, &setting.machines)?;
    let engine = Engine::new(machine, setting.variants, clock);
    let mut stage = Stage::new(engine, setting.clone(), clock)?;
    (scenario.prepare)(&mut stage)?;
    stage.deployments.clear();
    stage.wait_until_serving()?;
    let before = stage.status();
    let load = match plan(scenario, &stage)? {
        Some(plan) => Some(Load::start(plan, stage.namespace()?, clock.zero())?),
        None => None,
    };
    // Measured time, not a wait: the steady state needs some requests.
    let measure = |length| load.as_ref().map(|_| std::thread::sleep(length));
    measure(STEADY);
    let start = clock.now();
    let acted = (scenario.act)(&mut stage);
    let end = clock.now();
    measure(SETTLE + AFTER);
    let records = load.map(Load::stop).transpose()?.unwrap_or_default();
    acted?;
    let observed = Observed {
        before,
        window: start..end,
        records,
    };
    finish(scenario, stage, observed)
}

/// What there was to see.
struct Observed {
    before: Status,
    window: Range<Duration>,
    records: Vec<Record>,
}

/// Judges, and brings all of it into the report's form.
fn finish(
    scenario: &Scenario,
    mut stage: Stage,
    observed: Observed,
) -> Result<Played, ScenarioError> {
    let Observed {
        before,
        window,
        records,
    } = observed;
    let summary = Summary::of(&records, window.start..window.end + SETTLE);
    let (systemd, nginx) = stage.versions();
    let circumstances = Circumstances {
        nginx: nginx.clone(),
        killed: stage.killed,
        direct: before.front() == "direct",
        retries: bundle::retries(&stage.setting.from)?,
    };
    let front = front(&before, &stage.status());
    let checks = verdict::judge(
        scenario,
        &mut stage,
        &before,
        &records,
        &circumstances,
        &summary,
    );
    let run = ScenarioResult {
        scenario: name(scenario, &stage.setting.variants),
        front,
        deploy_seconds: (window.end - window.start).as_secs_f64(),
        deploy: window,
        phases: stage.deployments.iter().flat_map(phases).collect(),
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

/// The front of the bundle: an adoption begins without flipless, an uninstall ends without.
fn front(before: &Status, after: &Status) -> String {
    if before.is_there() { before } else { after }.front()
}

fn name(scenario: &Scenario, variants: &Variants) -> String {
    match variants.name {
        "standard" => scenario.name.to_owned(),
        variant => format!("{} ({variant})", scenario.name),
    }
}

/// The clients of a scenario.
fn plan(scenario: &Scenario, stage: &Stage) -> Result<Option<Plan>, ScenarioError> {
    let rate = stage.setting.rate;
    Ok(match scenario.clients {
        Clients::None => None,
        Clients::All if stage.serves_long_requests()? => Some(Plan {
            rate,
            path: stage.path.clone(),
            ..Plan::default()
        }),
        Clients::Repeatable if stage.serves_long_requests()? => Some(Plan {
            rate,
            slow: Plan::default().slow,
            ..Plan::only_path(&stage.path)
        }),
        Clients::All | Clients::Repeatable | Clients::Plain => Some(Plan {
            rate,
            ..Plan::only_path(&stage.path)
        }),
    })
}

fn phases(deployment: &Deployment) -> Vec<Phase> {
    let phase = |phase: &engine::Phase| Phase {
        name: phase.name.clone(),
        start: phase.window.start,
        end: phase.window.end,
    };
    deployment.phases.iter().map(phase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adoption_is_of_the_front_it_leads_to_and_an_uninstall_of_the_one_it_ends() {
        let without = Status::default();
        let with = Status::of_front("nginx");
        assert_eq!(front(&without, &with), "nginx");
        assert_eq!(front(&with, &without), "nginx");
        assert_eq!(front(&without, &without), "stock");
    }
}
