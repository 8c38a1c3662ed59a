//! The result as JSON.

use serde::Serialize;

use super::rehearsal::Rehearsal;
use crate::result::{ScenarioResult, SoakResult};
use crate::summary::Summary;

#[derive(Serialize)]
struct Document<'a> {
    image: &'a str,
    systemd: &'a str,
    nginx: &'a str,
    /// The front mode of all runs; null if it differs between runs.
    front: Option<&'a str>,
    runs: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    soak: Option<&'a SoakResult>,
}

#[derive(Serialize)]
struct Entry<'a> {
    scenario: &'a str,
    front: &'a str,
    #[serde(flatten)]
    summary: &'a Summary,
    deploy_seconds: f64,
    ok: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    reasons: &'a [String],
}

/// The JSON object that `rehearse --json` prints.
pub fn json(rehearsal: &Rehearsal) -> String {
    let first = rehearsal.runs.first().map(|run| run.front.as_str());
    let document = Document {
        image: &rehearsal.image,
        systemd: &rehearsal.systemd,
        nginx: &rehearsal.nginx,
        front: first.filter(|first| rehearsal.runs.iter().all(|run| run.front == *first)),
        runs: rehearsal.runs.iter().map(entry).collect(),
        soak: rehearsal.soak.as_ref(),
    };
    serde_json::to_string_pretty(&document).expect("strings and numbers can be written")
}

fn entry(run: &ScenarioResult) -> Entry<'_> {
    Entry {
        scenario: &run.scenario,
        front: &run.front,
        summary: &run.summary,
        deploy_seconds: run.deploy_seconds,
        ok: run.ok,
        reasons: &run.reasons,
    }
}
