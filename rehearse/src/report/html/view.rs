//! The data of one run for the page.

use minijinja::Environment;
use serde::Serialize;

use super::templates::render;
use crate::{
    instruction::Instruction,
    report::{format, svg::Chart, timeline::Timeline},
    result::ScenarioResult,
    summary::{Failures, Latency},
};

/// The text of one run for the page.
#[derive(Serialize)]
pub struct View {
    id: String,
    name: String,
    front: String,
    ok: bool,
    sentence: String,
    reasons: Vec<String>,
    requests: String,
    failed: String,
    deploy_seconds: String,
    steady: [String; 4],
    deploy: [String; 4],
    change: [String; 4],
    instructions: Vec<InstructionRow>,
    svg: String,
}

#[derive(Serialize)]
struct InstructionRow {
    name: String,
    start: String,
    length: String,
}

/// The data of `timeline.svg`.
#[derive(Serialize)]
struct Picture<'a> {
    id: &'a str,
    title: String,
    c: &'a Chart,
}

/// Describes a run in words and numbers, and draws its picture on the scenario's scale.
pub fn view(
    id: String,
    run: &ScenarioResult,
    timeline: &Timeline,
    chart: &Chart,
    templates: &Environment,
) -> View {
    let name = format::front(&run.front);
    let title = format!("Timeline of {}, {name}", run.scenario);
    let svg = render(
        templates,
        "timeline.svg",
        &Picture {
            id: &id,
            title,
            c: chart,
        },
    );
    let (steady, deploy) = (
        values(run.summary.steady.as_ref()),
        values(run.summary.deploy.as_ref()),
    );
    View {
        svg,
        id,
        name,
        front: run.front.clone(),
        ok: run.ok,
        sentence: sentence(run, timeline),
        reasons: run.reasons.clone(),
        requests: format::count(run.summary.requests),
        failed: format::count(run.summary.failed),
        deploy_seconds: format::seconds(run.deploy_seconds),
        steady: steady.map(format::ms),
        deploy: deploy.map(format::ms),
        change: std::array::from_fn(|index| format::change(steady[index], deploy[index])),
        instructions: instruction_rows(run),
    }
}

fn instruction_rows(run: &ScenarioResult) -> Vec<InstructionRow> {
    let instructions = run.instructions.iter();
    let row = |instruction| instruction_row(instruction, run);
    instructions.map(row).collect()
}

fn instruction_row(instruction: &Instruction, run: &ScenarioResult) -> InstructionRow {
    let start = instruction.start.as_secs_f64() - run.deploy.start.as_secs_f64();
    InstructionRow {
        name: instruction.name.clone(),
        start: format!("{start:.2}").replace('-', "−"),
        length: format::duration(instruction.end.saturating_sub(instruction.start)),
    }
}

/// p50, p99, p99.9 and the maximum in milliseconds; NaN if no request was answered.
fn values(latency: Option<&Latency>) -> [f64; 4] {
    latency.map_or([f64::NAN; 4], |latency| {
        [
            latency.p50_ms,
            latency.p99_ms,
            latency.p999_ms,
            latency.max_ms,
        ]
    })
}

/// The failures in one sentence.
fn sentence(run: &ScenarioResult, timeline: &Timeline) -> String {
    let summary = &run.summary;
    let requests = format::count(summary.requests);
    let left = match summary.unprocessed {
        0 => String::new(),
        left => format!(
            " The server left {} HTTP/2 requests unprocessed; a client may send them again.",
            format::count(left)
        ),
    };
    if summary.failed == 0 {
        return format!("None of {requests} requests failed.{left}");
    }
    format!(
        "{} of {requests} requests failed ({}) during {}: {}.{left}",
        format::count(summary.failed),
        format::share(summary.failed, summary.requests),
        format::duration(timeline.failing()),
        kinds(&summary.kinds),
    )
}

/// The failures by outcome, without the outcomes that did not occur.
fn kinds(kinds: &Failures) -> String {
    let Failures {
        refused,
        reset,
        closed,
        timeout,
        status,
        truncated,
        handshake,
    } = kinds;
    let named = [
        (refused, "refused"),
        (reset, "reset"),
        (closed, "closed without an answer"),
        (timeout, "timed out"),
        (status, "answered with a status other than 2xx"),
        (truncated, "cut off"),
        (handshake, "without a TLS handshake"),
    ];
    let some = named.into_iter().filter(|(count, _)| **count > 0);
    some.map(|(count, name)| format!("{} {name}", format::count(*count)))
        .collect::<Vec<_>>()
        .join(", ")
}
