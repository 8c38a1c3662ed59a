//! Plays a soak, from the boot to the verdict.

use std::ops::Range;
use std::time::Duration;

use super::ledger::Ledger;
use super::leftovers;
use super::plan::Plan;
use super::renewal;
use super::session::Session;
use super::tell;
use super::versions::{EARLIER, Label, Versions};
use super::wanted::Wanted;
use crate::bundle;
use crate::clock::Clock;
use crate::engine::{Engine, Variants};
use crate::evidence;
use crate::load::{self, Load};
use crate::machine::Machine;
use crate::progress;
use crate::result::{ScenarioResult, SoakResult};
use crate::scenario::acts;
use crate::scenario::check::Check;
use crate::scenario::error::ScenarioError;
use crate::scenario::excuse::Circumstances;
use crate::scenario::parameters::Parameters;
use crate::scenario::play::Played;
use crate::scenario::subject::Subject;
use crate::scenario::verdict;

/// How long the load runs before the first deployment and after the last one.
const STEADY: Duration = Duration::from_secs(5);

/// The options of a soak.
#[derive(Debug, Clone, Copy)]
pub struct Soak {
    /// The number of deployments.
    pub deployments: u32,
    /// The seed of the faults; `None` for a soak without faults.
    pub faults: Option<u64>,
    /// The engine's behaviour. If it is `None`, the seed of the faults selects the first behaviour, and every 25
    /// deployments the next one follows; a soak without faults has the standard behaviour.
    pub variants: Option<Variants>,
}

/// The result of a soak.
#[derive(Debug)]
pub struct Soaked {
    /// The part of the result that every scenario has.
    pub played: Played,
    /// The additional results of a soak.
    pub soak: SoakResult,
}

/// Boots an instance, and deploys to it under load.
///
/// # Errors
/// If the soak could not be played; see [`ScenarioError`].
pub fn soak(soak: &Soak, parameters: &Parameters) -> Result<Soaked, ScenarioError> {
    let clock = Clock::start();
    let wanted = Wanted {
        deployments: soak.deployments,
        faults: soak.faults,
        variants: soak.variants,
        has_front: bundle::has_front(&parameters.from)?,
        has_authority: bundle::https::settings(&parameters.from)?.needs_authority(),
    };
    let plan = Plan::of(&wanted);
    progress::status("Planned", &plan);
    let mut session = launch(&plan, parameters, clock, wanted.has_front)?;
    let setting = Setting::of(&session);
    std::thread::sleep(STEADY);
    let start = clock.now();
    let outcome = steps(&mut session, &plan);
    let end = clock.now();
    let ended = match outcome {
        Ok(()) => {
            std::thread::sleep(STEADY);
            look_back(&mut session)
        }
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        let check = Check::new("the soak ended early", false, error.to_string());
        session.checks.push(check);
    }
    let soaked = session
        .counts
        .result(soak.faults, (end - start).as_secs_f64());
    let name = format!("soak ({})", plan.variants());
    Ok(finish(session, start..end, soaked, name, setting))
}

/// The system on which the soak runs. A soak that ends early may no longer be able to ask its instance.
struct Setting {
    systemd: String,
    nginx: String,
    front: String,
}

impl Setting {
    fn of(session: &Session) -> Self {
        let (systemd, nginx) = session.subject.versions();
        let front = session.subject.status().front();
        Self {
            systemd,
            nginx,
            front,
        }
    }
}

fn steps(session: &mut Session, plan: &Plan) -> Result<(), ScenarioError> {
    for (number, step) in (1..).zip(&plan.steps) {
        session.step(number, plan.steps.len(), step)?;
    }
    Ok(())
}

fn launch(
    plan: &Plan,
    parameters: &Parameters,
    clock: Clock,
    has_front: bool,
) -> Result<Session, ScenarioError> {
    let versions = Versions {
        original: parameters.from.clone(),
        folder: parameters.bundles.clone(),
    };
    let machine = Machine::boot(&parameters.image, &parameters.machines)?;
    let mut engine = Engine::new(machine, plan.variants, clock);
    engine.skip_hooks(&parameters.skipped_hooks);
    let mut subject = Subject::new(engine, parameters.clone(), clock)?;
    subject.start_authority()?;
    acts::launch(&mut subject)?;
    for number in 1..=EARLIER {
        let bundle = versions.make(number, 0, None)?;
        subject.deploy(&bundle)?;
    }
    subject.deployments.clear();
    subject.wait_until_serving()?;
    if subject.https.needs_authority() {
        renewal::enable(&subject)?;
    }
    let serving = Label {
        version: EARLIER,
        property: 0,
    };
    let ledger = Ledger {
        stored: EARLIER,
        property: 0,
        at_flip: 0,
        proxy: 0,
        serving,
    };
    let circumstances = Circumstances {
        nginx: subject.versions().1,
        killed: None,
        direct: !has_front,
        retries: bundle::retries(&parameters.from)?,
        renews: subject.https.needs_authority(),
    };
    let load = Load::start(load_of(&subject, plan)?, subject.namespace()?, clock.zero())?;
    load.when_late(evidence::witness(subject.engine.instance()));
    Ok(Session::new(subject, versions, ledger, circumstances, load))
}

/// Returns a plan with clients of every kind that the server supports. The plan's time limit allows ten minutes for
/// each deployment.
fn load_of(subject: &Subject, plan: &Plan) -> Result<load::Plan, ScenarioError> {
    let all = match subject.serves_long_requests()? {
        true => load::Plan::default(),
        false => load::Plan::only_path(""),
    };
    Ok(load::Plan {
        host: subject.host(),
        tls: subject.tls(),
        rate: subject.parameters.rate,
        path: subject.path.clone(),
        manner: subject.parameters.manner.clone(),
        longest: Duration::from_secs(600) * (plan.steps.len() as u32 + 1),
        ..all
    })
}

/// Checks what the soak has left on the instance.
fn look_back(session: &mut Session) -> Result<(), ScenarioError> {
    if session.subject.https.needs_authority() {
        renewal::disable(&session.subject)?;
    }
    let left = leftovers::of(&mut session.subject, &session.beginning);
    session.checks.extend(left);
    Ok(())
}

/// Ends the load, and returns the whole result.
fn finish(
    mut session: Session,
    window: Range<Duration>,
    soak: SoakResult,
    scenario: String,
    setting: Setting,
) -> Soaked {
    let mut checks = std::mem::take(&mut session.checks);
    let left_out = &session.subject.engine.history().left_out;
    checks.extend(verdict::left_out(left_out));
    let deploy_seconds = session.counts.seconds_each();
    let (mut tally, of_load) = session.end_load();
    checks.extend(of_load);
    tell::end(&checks);
    let worth_saying = checks.iter().filter(|check| check.is_worth_saying());
    let run = ScenarioResult {
        scenario,
        front: setting.front,
        summary: tally.summary(),
        deploy_seconds,
        deploy: window,
        instructions: Vec::new(),
        records: std::mem::take(&mut tally.failures),
        ok: checks.iter().all(|check| check.ok),
        reasons: worth_saying.map(Check::to_string).collect(),
    };
    let played = Played {
        run,
        systemd: setting.systemd,
        nginx: setting.nginx,
    };
    Soaked { played, soak }
}
