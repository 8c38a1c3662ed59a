//! What happens to an instance under load, and whether it went well.

mod acts;
mod list;
mod stage;
mod verdict;

use std::path::PathBuf;
use std::time::Duration;

pub use list::{ALL, named};
pub use stage::Stage;
pub use verdict::Check;

use crate::bundle::{self, BundleError};
use crate::clock::{Clock, Window};
use crate::engine::{Deployment, Engine, EngineError, Variants};
use crate::image::Image;
use crate::load::{Load, LoadError, Plan};
use crate::machine::{Machine, MachineError};
use crate::record::Phase;
use crate::report::Run;
use crate::summary::Summary;

/// How long the load runs before anything happens.
const STEADY: Duration = Duration::from_secs(5);
/// What an event sets off may show a little later.
const SETTLE: Duration = Duration::from_secs(1);
/// And how long the load runs on at the end.
const AFTER: Duration = Duration::from_secs(2);

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

/// Which release is current after a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Another one.
    Another,
    /// The same release; in the same run or in a new one.
    Same,
    /// The very same run: the deployment was refused.
    SameRun,
    /// Whatever there is: flipless came or went.
    Any,
}

/// What is not held against a scenario. It is reported all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// Nothing fails, nothing waits.
    Nothing,
    /// Idle kept connections may be closed, by an nginx before 1.27.4 alone; nothing waits.
    IdleKeepAlives,
    /// The same, and requests may wait while something starts again.
    Waiting,
    /// Requests may wait. What a killed server had begun is lost with it, but not what nginx sends
    /// again: where the bundle has it do so, a GET whose answer had not begun is not lost.
    InFlight,
    /// Failures are counted, not judged.
    Measured,
}

/// Which clients take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// All kinds, as far as the server has what they ask for.
    All,
    /// Those whose requests can be sent again: quick ones and, where the server has them, slow ones.
    Repeatable,
    /// Those that any web application can answer.
    Plain,
    /// None: a reboot ends the instance's network.
    None,
}

/// A part of a scenario.
pub type Act = fn(&mut Stage) -> Result<(), ScenarioError>;

/// What all scenarios of a rehearsal share.
#[derive(Debug, Clone)]
pub struct Setting {
    /// What the instance is booted from.
    pub image: Image,
    /// Where machines are made.
    pub machines: PathBuf,
    /// Where bundles are made.
    pub bundles: PathBuf,
    /// The bundle that runs first.
    pub from: PathBuf,
    /// The bundle that is deployed.
    pub to: PathBuf,
    /// New connections a second.
    pub rate: u32,
    /// How the engine behaves.
    pub variants: Variants,
}

/// Why a scenario could not be played; a failed verdict is no error.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The instance.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The clients.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A bundle for the scenario.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A deployment that had to succeed.
    #[error("the {0} failed: {1}")]
    Deployment(String, #[source] EngineError),
    /// A deployment that had to fail.
    #[error("the {0} succeeded, and had to fail")]
    NotRefused(String),
    /// A command on the instance that had to succeed.
    #[error("`{0}` on the instance: {1}")]
    Command(String, String),
    /// Nothing answered before the load began.
    #[error("the environment does not answer: {0}")]
    NotServing(String),
}

/// A scenario, played, with the versions of systemd and nginx.
#[derive(Debug)]
pub struct Played {
    /// What the report shows.
    pub run: Run,
    /// systemd's version.
    pub systemd: String,
    /// nginx's version.
    pub nginx: String,
}

/// Boots an instance, plays `scenario` on it, and judges.
///
/// # Errors
/// When it could not be played; see [`ScenarioError`].
pub fn play(scenario: &Scenario, setting: &Setting) -> Result<Played, ScenarioError> {
    let clock = Clock::start();
    let machine = Machine::boot(&setting.image, &setting.machines)?;
    let engine = Engine::new(machine, setting.variants, clock);
    let mut stage = Stage::new(engine, setting.clone(), clock);
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
    let window = Window {
        start,
        end: end + SETTLE,
    };
    let summary = Summary::of(&records, window.start..window.end);
    let (systemd, nginx) = stage.versions();
    // The one that has flipless: an adoption begins without, an uninstall ends without.
    let front = match before.is_there() {
        true => before.front(),
        false => stage.status().front(),
    };
    let circumstances = verdict::Circumstances {
        nginx: nginx.clone(),
        killed: stage.killed,
        retries: bundle::retries(&setting.from)?,
    };
    let checks = verdict::judge(
        scenario,
        &mut stage,
        &before,
        &records,
        &circumstances,
        &summary,
    );
    let name = match setting.variants.name {
        "standard" => scenario.name.to_owned(),
        variant => format!("{} ({variant})", scenario.name),
    };
    let run = Run {
        scenario: name,
        front,
        deploy_seconds: (end - start).as_secs_f64(),
        deploy: start..end,
        phases: stage.deployments.iter().flat_map(phases).collect(),
        ok: checks.iter().all(|check| check.ok),
        reasons: checks
            .into_iter()
            .filter(Check::is_worth_saying)
            .map(|c| c.to_string())
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

/// The clients of a scenario.
fn plan(scenario: &Scenario, stage: &Stage) -> Result<Option<Plan>, ScenarioError> {
    let rate = stage.setting.rate;
    Ok(match scenario.clients {
        Clients::None => None,
        Clients::All if stage.serves_long_requests()? => Some(Plan {
            rate,
            path: stage::PATH.into(),
            ..Plan::default()
        }),
        Clients::Repeatable if stage.serves_long_requests()? => Some(Plan {
            rate,
            slow: Plan::default().slow,
            ..Plan::only_path(stage::PATH)
        }),
        Clients::All | Clients::Repeatable | Clients::Plain => Some(Plan {
            rate,
            ..Plan::only_path(stage::PATH)
        }),
    })
}

fn phases(deployment: &Deployment) -> Vec<Phase> {
    let phase = |phase: &crate::engine::Phase| Phase {
        name: phase.name.clone(),
        start: phase.window.start,
        end: phase.window.end,
    };
    deployment.phases.iter().map(phase).collect()
}
