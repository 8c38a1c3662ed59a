//! `cargo xtask test`: all that CI runs. Every step runs, so that a person sees all results.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::project::{self, Project};
use crate::ui;

mod dependencies;
mod machine;
mod step;
mod steps;

use step::Step;

/// `cargo xtask test`
#[derive(clap::Args)]
pub struct Args {}

/// How a step ended.
enum Outcome {
    Passed(Duration),
    Failed(Duration, String),
    Skipped(String),
}

/// Runs all steps and prints a line for each.
pub fn run(_: &Args) -> Result<ExitCode> {
    let started = Instant::now();
    let missing = machine::prepare()?;
    let steps = steps::all(&Project::load(None)?, &missing);
    let outcomes: Vec<_> = steps
        .into_iter()
        .map(|step| (step.name, perform(step)))
        .collect();
    anstream::eprintln!();
    outcomes
        .iter()
        .for_each(|(name, outcome)| report(name, outcome));
    let failed = |(_, outcome): &&(_, Outcome)| matches!(outcome, Outcome::Failed(..));
    let time = ui::duration(started.elapsed());
    match outcomes.iter().filter(failed).count() {
        0 => {
            let skipped = outcomes
                .iter()
                .filter(|(_, outcome)| matches!(outcome, Outcome::Skipped(_)));
            let skipped: Vec<_> = skipped.map(|(name, _)| *name).collect();
            let but = match skipped.is_empty() {
                true => String::new(),
                false => format!(", without {}", skipped.join(", ")),
            };
            ui::status(
                "Finished",
                format!("{} steps in {time}{but}", outcomes.len()),
            );
            Ok(ExitCode::SUCCESS)
        }
        count => {
            anyhow::bail!("{count} of {} steps failed, in {time}", outcomes.len());
        }
    }
}

fn perform(mut step: Step) -> Outcome {
    if let Some(reason) = step.skip {
        ui::skipped("Skipping", format!("{}: {reason}", step.name));
        return Outcome::Skipped(reason);
    }
    ui::status("Running", step.name);
    let started = Instant::now();
    let status = step.command.current_dir(project::root()).status();
    let time = started.elapsed();
    let outcome = match status {
        Ok(status) if status.success() => Outcome::Passed(time),
        Ok(status) => Outcome::Failed(time, status.to_string()),
        Err(error) => Outcome::Failed(time, error.to_string()),
    };
    report(step.name, &outcome);
    outcome
}

fn report(name: &str, outcome: &Outcome) {
    match outcome {
        Outcome::Passed(time) => ui::status("Passed", format!("{name} ({})", ui::duration(*time))),
        Outcome::Failed(time, why) => {
            ui::failed("Failed", format!("{name} ({}): {why}", ui::duration(*time)));
        }
        Outcome::Skipped(reason) => ui::skipped("Skipped", format!("{name}: {reason}")),
    }
}
