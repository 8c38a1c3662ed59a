//! The result as one page that needs nothing else: no script, no request.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, value::Serde};
use serde::Serialize;

use super::{
    Rehearsal, Run, STOCK, format,
    svg::{Chart, Scale},
    timeline::Timeline,
};
use crate::summary::{Failures, Latency};

/// What `page.html` shows.
#[derive(Serialize)]
struct Page<'a> {
    css: &'static str,
    ok: bool,
    verdict: String,
    image: &'a str,
    systemd: &'a str,
    nginx: &'a str,
    totals: Vec<TotalView>,
    scenarios: Vec<Scenario>,
}

/// What `timeline.svg` shows.
#[derive(Serialize)]
struct Picture<'a> {
    id: &'a str,
    title: String,
    c: &'a Chart,
}

/// A scenario and its runs, stock first.
#[derive(Serialize)]
struct Scenario {
    id: String,
    name: String,
    runs: Vec<View>,
}

/// A run as the page's text has it.
#[derive(Serialize)]
struct View {
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
    phases: Vec<PhaseRow>,
    svg: String,
}

#[derive(Serialize)]
struct PhaseRow {
    name: String,
    start: String,
    length: String,
}

#[derive(Serialize)]
struct TotalView {
    name: String,
    requests: String,
    failed: String,
    share: String,
    lost: bool,
}

/// The page. It is XML as well as HTML, and all text in it is escaped.
pub fn html(rehearsal: &Rehearsal) -> String {
    let templates = templates();
    let (ok, verdict) = verdict(rehearsal);
    let page = Page {
        css: include_str!("page.css"),
        ok,
        verdict,
        image: &rehearsal.image,
        systemd: &rehearsal.systemd,
        nginx: &rehearsal.nginx,
        totals: totals(rehearsal),
        scenarios: scenarios(rehearsal, &templates),
    };
    render(&templates, "page.html", &page)
}

fn render(templates: &Environment, name: &str, data: &impl Serialize) -> String {
    let text = templates
        .get_template(name)
        .and_then(|template| template.render(Serde(data)));
    text.expect("a template fits its data, as its tests show")
}

fn templates() -> Environment<'static> {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, source) in [
        ("page.html", include_str!("page.html")),
        ("timeline.svg", include_str!("timeline.svg")),
    ] {
        templates
            .add_template(name, source)
            .expect("the template can be parsed, as its tests show");
    }
    templates
}

/// Stock is there for comparison: unless it ran alone, the verdict is on the others.
fn verdict(rehearsal: &Rehearsal) -> (bool, String) {
    let totals = rehearsal.totals();
    let compared = totals.iter().any(|total| total.front != STOCK);
    let judged = || {
        totals
            .iter()
            .filter(|total| !compared || total.front != STOCK)
    };
    let runs: usize = judged().map(|total| total.runs).sum();
    let failed = runs - judged().map(|total| total.passed).sum::<usize>();
    let name = if compared { "flipless" } else { "stock" };
    let text = match (failed, runs) {
        (_, 0) => "Nothing was rehearsed".into(),
        (0, 1) => format!("{name} passed"),
        (0, _) => format!("{name} passed all {runs} scenarios"),
        (_, 1) => format!("{name} failed"),
        _ => format!("{name} failed {failed} of {runs} scenarios"),
    };
    (failed == 0 && runs > 0, text)
}

fn totals(rehearsal: &Rehearsal) -> Vec<TotalView> {
    let view = |total: super::Total| TotalView {
        name: format::front(total.front),
        requests: format::count(total.requests),
        failed: format::count(total.failed),
        share: format::share(total.failed, total.requests),
        lost: total.failed > 0,
    };
    rehearsal.totals().into_iter().map(view).collect()
}

fn scenarios(rehearsal: &Rehearsal, templates: &Environment) -> Vec<Scenario> {
    let mut groups: Vec<(&str, Vec<&Run>)> = Vec::new();
    for run in &rehearsal.runs {
        match groups.iter_mut().find(|(name, _)| *name == run.scenario) {
            Some((_, runs)) => runs.push(run),
            None => groups.push((&run.scenario, vec![run])),
        }
    }
    groups
        .into_iter()
        .enumerate()
        .map(|(index, (name, runs))| scenario(index + 1, name, runs, templates))
        .collect()
}

fn scenario(number: usize, name: &str, mut runs: Vec<&Run>, templates: &Environment) -> Scenario {
    runs.sort_by_key(|run| run.front != STOCK);
    let runs: Vec<_> = runs
        .into_iter()
        .map(|run| (run, Timeline::new(&run.records)))
        .collect();
    let scale = Scale::of(&runs);
    let id = format!("scenario-{number}");
    let view = |(index, (run, timeline)): (usize, &(&Run, Timeline))| {
        let chart = Chart::new(run, timeline, &scale);
        view(
            format!("{id}-run-{}", index + 1),
            run,
            timeline,
            &chart,
            templates,
        )
    };
    Scenario {
        runs: runs.iter().enumerate().map(view).collect(),
        name: name.into(),
        id,
    }
}

fn view(
    id: String,
    run: &Run,
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
    let start =
        |phase: &crate::record::Phase| phase.start.as_secs_f64() - run.deploy.start.as_secs_f64();
    let phase = |phase| PhaseRow {
        name: crate::record::Phase::clone(phase).name,
        start: format!("{:.2}", start(phase)).replace('-', "−"),
        length: format::duration(phase.end.saturating_sub(phase.start)),
    };
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
        phases: run.phases.iter().map(phase).collect(),
    }
}

/// p50, p99, p99.9 and the maximum in milliseconds; not numbers where nothing was answered.
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

/// What the clients saw, in a sentence.
fn sentence(run: &Run, timeline: &Timeline) -> String {
    let summary = &run.summary;
    let requests = format::count(summary.requests);
    if summary.failed == 0 {
        return format!("None of {requests} requests failed.");
    }
    format!(
        "{} of {requests} requests failed ({}), over {}: {}.",
        format::count(summary.failed),
        format::share(summary.failed, summary.requests),
        format::duration(timeline.failing()),
        kinds(&summary.kinds),
    )
}

/// The failures by kind, without those that did not occur.
fn kinds(kinds: &Failures) -> String {
    let Failures {
        refused,
        reset,
        closed,
        timeout,
        status,
        truncated,
    } = kinds;
    let named = [
        (refused, "refused"),
        (reset, "reset"),
        (closed, "closed without an answer"),
        (timeout, "timed out"),
        (status, "not 2xx"),
        (truncated, "truncated"),
    ];
    let some = named.into_iter().filter(|(count, _)| **count > 0);
    some.map(|(count, name)| format!("{} {name}", format::count(*count)))
        .collect::<Vec<_>>()
        .join(", ")
}
