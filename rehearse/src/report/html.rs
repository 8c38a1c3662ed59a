//! The result as one self-contained page: it runs no script and sends no request.

mod templates;
mod view;

use crate::result::ScenarioResult;
use minijinja::Environment;
use serde::Serialize;

use super::{
    format,
    rehearsal::{Rehearsal, STOCK, Total},
    svg::{Chart, Scale},
    timeline::Timeline,
};
use templates::{render, templates};
use view::{View, view};

/// The data of `page.html`.
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

/// A scenario and its runs, stock first.
#[derive(Serialize)]
struct Scenario {
    id: String,
    name: String,
    runs: Vec<View>,
}

#[derive(Serialize)]
struct TotalView {
    name: String,
    requests: String,
    failed: String,
    share: String,
    lost: bool,
}

/// Renders the page. The page is valid XML as well as HTML, and all text in it is escaped.
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

/// The verdict counts stock runs only if there are no other runs. Beside other runs, stock runs are for comparison
/// only.
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
        (_, 1) => format!("{name} failed"),
        (0, _) => format!("{name} passed {runs} of {runs} runs"),
        _ => format!("{name} failed {failed} of {runs} runs"),
    };
    (failed == 0 && runs > 0, text)
}

fn totals(rehearsal: &Rehearsal) -> Vec<TotalView> {
    let view = |total: Total| TotalView {
        name: format::front(total.front),
        requests: format::count(total.requests),
        failed: format::count(total.failed),
        share: format::share(total.failed, total.requests),
        lost: total.failed > 0,
    };
    rehearsal.totals().into_iter().map(view).collect()
}

fn scenarios(rehearsal: &Rehearsal, templates: &Environment) -> Vec<Scenario> {
    let mut groups: Vec<(&str, Vec<&ScenarioResult>)> = Vec::new();
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

fn scenario(
    number: usize,
    name: &str,
    mut runs: Vec<&ScenarioResult>,
    templates: &Environment,
) -> Scenario {
    runs.sort_by_key(|run| run.front != STOCK);
    let runs: Vec<_> = runs
        .into_iter()
        .map(|run| (run, Timeline::new(&run.records)))
        .collect();
    let scale = Scale::of(&runs);
    let id = format!("scenario-{number}");
    let run_view = |(index, (run, timeline)): (usize, &(&ScenarioResult, Timeline))| {
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
        runs: runs.iter().enumerate().map(run_view).collect(),
        name: name.into(),
        id,
    }
}
