//! The latency of requests during a deployment, against the latency before it, for several loads. The clients open a
//! connection for each request, at a fixed rate that does not depend on the answers.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use rehearse::engine::Deployment;
use rehearse::load::Plan;
use rehearse::record::{Kind, Record};
use rehearse::summary::Latency;

use crate::context::Context;
use crate::figure::{Budget, Figure, Pair};
use crate::instance::Instance;
use crate::measurement::Measurement;
use crate::row::{Row, Samples, Trouble};

pub const MEASUREMENT: Measurement = Measurement {
    rows: &[
        row("deployment-100", "100 new connections/s", Budget::None),
        row(
            "deployment-400",
            "400 new connections/s",
            Budget::AtMost(5.0),
        ),
        row("deployment-1000", "1,000 new connections/s", Budget::None),
        row(
            "deployment-2000",
            "2,000 new connections/s",
            Budget::AtMost(25.0),
        ),
        row("deployment-5000", "5,000 new connections/s", Budget::None),
        row(
            "deployment-200-open",
            "400 new connections/s, 200 open ones",
            Budget::None,
        ),
        row(
            "deployment-800-open",
            "400 new connections/s, 800 open ones",
            Budget::None,
        ),
    ],
    samples,
};

const fn row(name: &'static str, what: &'static str, budget: Budget) -> Row {
    Row {
        name,
        what,
        unit: "ms",
        figure: Figure::Difference,
        budget,
    }
}

/// The load of a row: new connections per second, and open connections. nginx, as EB configures it, has 1,024
/// connections for each processor.
const LOADS: [(u32, usize); 7] = [
    (100, 0),
    (400, 0),
    (1000, 0),
    (2000, 0),
    (5000, 0),
    (400, 200),
    (400, 800),
];

/// How many deployments one sample covers. In one deployment of 3 s, a load of 100/s has no p99.9.
const DEPLOYMENTS: u32 = 3;
/// How long the load runs before each deployment.
const STEADY: Duration = Duration::from_secs(3);
/// The beginning of a load, when all clients connect at once.
const WARM_UP: Duration = Duration::from_millis(500);
/// The pause between two requests on an open connection.
const PAUSE: Duration = Duration::from_secs(20);

fn samples(context: &Context) -> Result<Vec<Samples>, Trouble> {
    let mut instance = Instance::boot(context, &[])?;
    // The second deployment and every later one have a release from which they take the unchanged files.
    instance.deploy()?;
    let rows = LOADS.map(|load| {
        let runs = context.each_run(|_| sample(&mut instance, load))?;
        let phases = runs.iter().flat_map(|run| &run.phases);
        Ok(Samples {
            note: Some(slowest(phases)),
            pairs: runs.iter().map(|run| run.pair).collect(),
        })
    });
    rows.into_iter().collect()
}

/// One sample: a few deployments under the same load.
struct Sample {
    /// The p99.9 in the deployments and before them.
    pair: Pair,
    /// The highest latency of each instruction.
    phases: Vec<Phase>,
}

/// The latency in one of EB's instructions.
#[derive(Debug, Clone, PartialEq)]
struct Phase {
    instruction: String,
    highest: Duration,
}

fn sample(instance: &mut Instance, (rate, open): (u32, usize)) -> anyhow::Result<Sample> {
    let plan = Plan {
        rate,
        keep_alive: open,
        keep_alive_pause: PAUSE,
        ..Plan::none()
    };
    let (mut before, mut during, mut phases) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..DEPLOYMENTS {
        let load = instance.load(plan.clone())?;
        let began = instance.now();
        let requests = STEADY.as_secs() as usize * rate as usize;
        load.wait_for(requests, STEADY * 10)?;
        let deployment = instance.deploy()?;
        let records = load.stop()?;
        let failed = records.iter().find(|record| record.outcome.failed());
        ensure!(failed.is_none(), "a request failed: {failed:?}");
        let new = records.iter().filter(|record| record.kind == Kind::New);
        for record in new {
            let end = record.at + record.latency;
            if deployment.window.start <= end && record.at < deployment.window.end {
                during.push(record.latency);
            } else if record.at >= began + WARM_UP && end < deployment.window.start {
                before.push(record.latency);
            }
        }
        phases.extend(of_instructions(&deployment, &records));
    }
    Ok(Sample {
        pair: Pair {
            ours: p999(during)?,
            peer: p999(before)?,
        },
        phases,
    })
}

fn p999(latencies: Vec<Duration>) -> anyhow::Result<f64> {
    let latency = Latency::of(latencies).context("no request was answered")?;
    Ok(latency.p999_ms)
}

/// Returns the highest latency of the requests that were in flight in each instruction.
fn of_instructions(deployment: &Deployment, records: &[Record]) -> Vec<Phase> {
    let phase = |instruction: &rehearse::instruction::Instruction| {
        let span = instruction.start..instruction.end;
        let new = |record: &&Record| record.kind == Kind::New && record.is_in_flight(&span);
        let highest = records.iter().filter(new).map(|record| record.latency);
        Some(Phase {
            instruction: instruction.name.clone(),
            highest: highest.max()?,
        })
    };
    deployment.instructions.iter().filter_map(phase).collect()
}

/// Names the three instructions with the highest latencies: for each, the median over the deployments.
fn slowest<'a>(phases: impl Iterator<Item = &'a Phase>) -> String {
    let mut all: Vec<(&str, Vec<Duration>)> = Vec::new();
    for phase in phases {
        let name = phase.instruction.as_str();
        match all.iter_mut().find(|(other, _)| *other == name) {
            Some((_, latencies)) => latencies.push(phase.highest),
            None => all.push((name, vec![phase.highest])),
        }
    }
    let median = |(name, mut latencies): (_, Vec<Duration>)| {
        latencies.sort_unstable();
        (latencies[latencies.len() / 2], name)
    };
    let mut medians: Vec<(Duration, &str)> = all.into_iter().map(median).collect();
    medians.sort_unstable_by(|one, other| other.cmp(one));
    let shown = medians.iter().take(3);
    let shown: Vec<_> = shown
        .map(|(highest, name)| format!("{name} {:.1} ms", highest.as_secs_f64() * 1000.0))
        .collect();
    format!("highest in {}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_names_the_instructions_with_the_highest_latencies() {
        let phase = |name: &str, milliseconds| Phase {
            instruction: name.into(),
            highest: Duration::from_millis(milliseconds),
        };
        let phases = [
            phase("Stage", 8),
            phase("Flip", 90),
            phase("Hooks", 3),
            phase("Flip", 20),
            phase("Flip", 12),
            phase("End", 1),
        ];
        let note = slowest(phases.iter());
        assert_eq!(note, "highest in Flip 20.0 ms, Stage 8.0 ms, Hooks 3.0 ms");
    }
}
