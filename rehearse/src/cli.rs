//! Runs the rehearsal that the command line describes.

mod arguments;
mod bundles;
mod hint;
mod results;
mod soak;

use std::fs;

use anyhow::Context;
pub use arguments::Arguments;
use bundles::{first_bundle, folder, pair, store, warn_of_skipped_hooks};
use flipless_settings::FrontMode;
use hint::hinted;
use rehearse::authority;
use rehearse::bundle;
use rehearse::clock::Clock;
use rehearse::engine::{Engine, Properties, variants};
use rehearse::image::{Image, Source};
use rehearse::machine::{self, Machine};
use rehearse::report::{self, Rehearsal};
use rehearse::scenario::{self, Parameters, Played, Scenario, ScenarioError};
use rehearse::{interruption, progress, requirements};
use results::Results;

/// Runs the rehearsal that the command line describes. Returns whether every scenario passed.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    requirements::check(matches!(arguments.image, Source::Suite(_)))?;
    machine::tear_down_on_signals().context("cannot install signal handlers")?;
    if arguments.keep {
        return keep(arguments);
    }
    let rehearsal = match arguments.soak {
        Some(deployments) => soak::soak(arguments, deployments)?,
        None => rehearse(arguments)?,
    };
    if arguments.json {
        println!("{}", report::json(&rehearsal));
    } else {
        report::terminal(&rehearsal, &mut anstream::stdout())?;
    }
    // The page comes last. If its path is not writable, the result is already printed.
    if let Some(path) = &arguments.report {
        fs::write(path, report::html(&rehearsal))
            .with_context(|| format!("cannot write the report {}", path.display()))?;
        progress::status("Wrote", path.display());
    }
    Ok(rehearsal.runs.iter().all(|run| run.ok))
}

fn rehearse(arguments: &Arguments) -> anyhow::Result<Rehearsal> {
    let bundles = folder()?;
    let image = Image::obtain(&arguments.image, &store().join("images"))?;
    let fronts: Vec<Option<FrontMode>> = match arguments.front.as_slice() {
        [] => vec![None],
        fronts => fronts.iter().copied().map(Some).collect(),
    };
    let mut results = Results::default();
    for front in fronts {
        let (from, to) = pair(arguments, front, bundles.path())?;
        warn_of_skipped_hooks(&arguments.skipped_hooks, &[&from, &to])?;
        for variants in arguments.variants() {
            let parameters = Parameters {
                image: image.clone(),
                machines: store().join("machines"),
                bundles: bundles.path().to_owned(),
                from: from.clone(),
                to: to.clone(),
                rate: arguments.rate,
                manner: arguments.manner(),
                variants: *variants,
                skipped_hooks: arguments.skipped_hooks.clone(),
            };
            for scenario in &arguments.scenario.0 {
                for result in play(scenario, &parameters, arguments.instances) {
                    // A signal has removed the instance, so its error is no result.
                    interruption::hold();
                    results.add(scenario, &parameters, result);
                }
            }
        }
    }
    Ok(results.rehearsal(image.name))
}

/// Plays a scenario on several instances at the same time.
fn play(
    scenario: &Scenario,
    parameters: &Parameters,
    instances: u32,
) -> Vec<anyhow::Result<Played>> {
    let what = format!(
        "{}: {} ({})",
        scenario.name, scenario.about, parameters.variants.name
    );
    progress::status("Rehearsing", what);
    let results: Vec<_> = std::thread::scope(|scope| {
        let player = || scope.spawn(|| scenario::play(scenario, parameters));
        let threads: Vec<_> = (0..instances).map(|_| player()).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let flatten = |result: std::thread::Result<Result<Played, ScenarioError>>| {
        let played = result.map_err(|_| anyhow::anyhow!("its thread panicked"))?;
        played.map_err(hinted)
    };
    results.into_iter().map(flatten).collect()
}

/// Deploys the bundle to an instance, and keeps the instance for a developer until Ctrl-C.
fn keep(arguments: &Arguments) -> anyhow::Result<bool> {
    let image = Image::obtain(&arguments.image, &store().join("images"))?;
    let folder = folder()?;
    let front = arguments.front.first().copied();
    let bundle = first_bundle(arguments, front, folder.path())?;
    warn_of_skipped_hooks(&arguments.skipped_hooks, &[&bundle])?;
    progress::status("Booting", &image.name);
    let machine = Machine::boot(&image, &store().join("machines"))?;
    let variants = arguments.variants().first();
    let variants = variants.copied().unwrap_or(variants::STANDARD);
    let mut engine = Engine::new(machine, variants, Clock::start());
    engine.skip_hooks(&arguments.skipped_hooks);
    let https = bundle::https::settings(&bundle)?;
    if !https.domains.is_empty() && !authority::start(engine.instance(), &https)? {
        progress::failure(
            "Missing",
            "pebble or openssl: no authority issues a certificate",
        );
    }
    progress::status("Deploying", bundle.display());
    let deployment = engine.create_environment(&bundle, Properties::new());
    let seconds = deployment.window.length().as_secs_f32();
    match deployment.outcome {
        Ok(()) => progress::status("Launched", format!("the environment in {seconds:.1} s")),
        Err(error) => progress::failure("Failed", error),
    }
    progress::status("Waiting", "for Ctrl-C; this command enters the instance:");
    println!("{}", engine.instance().enter_command());
    loop {
        std::thread::park();
    }
}
