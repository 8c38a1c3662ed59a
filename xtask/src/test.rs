//! `cargo xtask test`: runs everything that CI runs.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use crate::project::Project;
use crate::roots::Roots;
use crate::ui;

mod dependencies;
mod machine;
mod runner;
mod step;
mod steps;

use runner::{Outcome, report};

/// `cargo xtask test`
#[derive(clap::Args)]
pub struct Args {}

/// Runs all steps, and prints a line for each.
pub fn run(roots: &Roots, _: &Args) -> Result<ExitCode> {
    let started = Instant::now();
    let missing = machine::prepare()?;
    let mut steps = steps::all(&Project::load(roots, None)?, &missing);
    for step in &mut steps {
        step.command.current_dir(&roots.flipless);
    }
    let outcomes = runner::run(steps);
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
