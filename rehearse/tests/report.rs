//! The result on the terminal, as JSON, and the page's text.
#![allow(clippy::unwrap_used)]

mod synthetic;

use std::{collections::HashSet, time::Duration};

use rehearse::{
    instruction::Instruction,
    report::{self, Rehearsal},
    result::{ScenarioResult, SoakResult, SoakRow},
    summary::{Failures, Latency, Summary},
};
use serde_json::json;

const HOSTILE: &str = r#"<script>alert("1")</script> & 'x'"#;

fn latency(p50_ms: f64, max_ms: f64) -> Option<Latency> {
    Some(Latency {
        p50_ms,
        p99_ms: p50_ms * 2.0,
        p999_ms: p50_ms * 3.0,
        max_ms,
    })
}

fn run(scenario: &str, front: &str, failed: usize) -> ScenarioResult {
    ScenarioResult {
        scenario: scenario.into(),
        front: front.into(),
        summary: Summary {
            requests: 20_000,
            failed,
            unprocessed: 0,
            kinds: Failures {
                refused: failed,
                ..Default::default()
            },
            steady: latency(1.0, 8.0),
            deploy: latency(1.5, if failed > 0 { 1312.4 } else { 9.5 }),
        },
        deploy_seconds: 8.25,
        deploy: Duration::from_secs(5)..Duration::from_millis(13_250),
        instructions: vec![],
        records: vec![],
        ok: failed == 0,
        reasons: if failed > 0 {
            vec![format!("{failed} requests failed, where none may")]
        } else {
            vec![]
        },
    }
}

fn rehearsal(runs: Vec<ScenarioResult>) -> Rehearsal {
    Rehearsal {
        image: "bookworm".into(),
        systemd: "252".into(),
        nginx: "1.22.1".into(),
        runs,
        soak: None,
    }
}

fn terminal(rehearsal: &Rehearsal) -> String {
    let mut text = Vec::new();
    report::terminal(rehearsal, &mut anstream::StripStream::new(&mut text)).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn terminal_reads_without_colour() {
    let text = terminal(&rehearsal(vec![
        run("new-version", "stock", 812),
        run("new-version", "nginx", 0),
    ]));
    let expected = "\
image bookworm, systemd 252, nginx 1.22.1

scenario     front  requests  failed  steady p99.9  deploy p99.9  deployment  verdict
new-version  stock    20,000     812        3.0 ms        4.5 ms       8.2 s  FAILED
  812 requests failed, where none may
new-version  nginx    20,000       0        3.0 ms        4.5 ms       8.2 s  ok

stock Elastic Beanstalk: 0 of 1 passed, 812 of 20,000 requests failed
flipless, nginx front: 1 of 1 passed, 0 of 20,000 requests failed
";
    assert_eq!(text, expected);
}

#[test]
fn terminal_passes_no_control_characters_on() {
    let mut run = run("a\x1b[2Jb", "nginx", 0);
    run.reasons = vec!["line\r\nbreak".into()];
    let mut raw = Vec::new();
    report::terminal(&rehearsal(vec![run]), &mut raw).unwrap();
    let raw = String::from_utf8(raw).unwrap();
    assert!(!raw.contains("\x1b[2J") && !raw.contains('\r'), "{raw:?}");
    assert!(raw.contains("a\u{fffd}[2Jb"), "{raw:?}");
}

#[test]
fn json_is_the_contract_and_nothing_else() {
    let text = report::json(&rehearsal(vec![run("new-version", "nginx", 3)]));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let expected = json!({
        "image": "bookworm", "systemd": "252", "nginx": "1.22.1", "front": "nginx",
        "runs": [{
            "scenario": "new-version", "front": "nginx", "requests": 20_000, "failed": 3, "unprocessed": 0,
            "kinds": {"refused": 3, "reset": 0, "closed": 0, "timeout": 0, "status": 0, "truncated": 0, "handshake": 0},
            "steady": {"p50_ms": 1.0, "p99_ms": 2.0, "p999_ms": 3.0, "max_ms": 8.0},
            "deploy": {"p50_ms": 1.5, "p99_ms": 3.0, "p999_ms": 4.5, "max_ms": 1312.4},
            "deploy_seconds": 8.25, "ok": false, "reasons": ["3 requests failed, where none may"],
        }],
    });
    assert_eq!(value, expected);
}

/// Requests that the server left unprocessed have neither failed nor been answered.
#[test]
fn every_report_counts_unprocessed_requests_apart() {
    let mut left = run("new-version", "nginx", 0);
    left.summary.unprocessed = 1_204;
    let rehearsal = rehearsal(vec![left]);
    let text = terminal(&rehearsal);
    assert!(
        text.contains("0 of 20,000 requests failed, 1,204 of HTTP/2 left unprocessed\n"),
        "{text}"
    );
    let value: serde_json::Value = serde_json::from_str(&report::json(&rehearsal)).unwrap();
    assert_eq!(value["runs"][0]["unprocessed"], 1204);
    assert_eq!(value["runs"][0]["failed"], 0);
    let page = report::html(&rehearsal);
    let sentence =
        "None of 20,000 requests failed. The server left 1,204 HTTP&#x2f;2 requests unprocessed";
    assert!(page.contains(sentence), "{page}");
}

fn soak() -> Rehearsal {
    let row = |name: &str, times, aborted| SoakRow {
        name: name.into(),
        times,
        aborted,
        seconds: f64::from(times) * 2.0,
    };
    Rehearsal {
        soak: Some(SoakResult {
            deployments: 200,
            aborted: 61,
            kills: 87,
            renewals: 9,
            seed: Some(7),
            seconds: 1234.5,
            rows: vec![row("version", 150, 20), row("with a killed agent", 50, 41)],
        }),
        ..rehearsal(vec![run("soak (standard)", "nginx", 0)])
    }
}

#[test]
fn a_soak_adds_its_figures_to_the_json() {
    let value: serde_json::Value = serde_json::from_str(&report::json(&soak())).unwrap();
    let expected = json!({"deployments": 200, "aborted": 61, "kills": 87, "renewals": 9, "seed": 7, "seconds": 1234.5});
    assert_eq!(value["soak"], expected);
    assert_eq!(value["runs"][0]["scenario"], "soak (standard)");
}

#[test]
fn a_soak_adds_a_table_of_what_was_deployed_and_what_went_wrong() {
    let text = terminal(&soak());
    let expected = "
deployment           times  aborted    mean
version                150       20   2.0 s
with a killed agent     50       41   2.0 s
200 deployments, 61 aborted, 87 kills, 9 renewals in 1234 s, seed 7

flipless, nginx front: 1 of 1 passed";
    assert!(text.contains(expected), "{text}");
}

/// Other scenarios were played, and their results must not be lost.
#[test]
fn every_report_shows_a_scenario_that_could_not_be_played() {
    let why = "the restart failed\nhint: see the log";
    let unplayed = ScenarioResult::unplayed("restart".into(), "nginx", why.into());
    let rehearsal = rehearsal(vec![run("new-version", "nginx", 0), unplayed]);
    let text = terminal(&rehearsal);
    let row = "\nrestart      nginx         0       0";
    assert!(text.contains(row) && text.contains("FAILED"), "{text}");
    assert!(
        text.contains("\n  the restart failed\n  hint: see the log\n"),
        "{text}"
    );
    assert!(text.contains("1 of 2 passed"), "{text}");
    let value: serde_json::Value = serde_json::from_str(&report::json(&rehearsal)).unwrap();
    assert_eq!(value["runs"][1]["ok"], json!(false));
    assert_eq!(value["runs"][1]["reasons"], json!([why]));
    assert_eq!(value["runs"][0]["reasons"], json!(null));
    let page = report::html(&rehearsal);
    assert!(page.contains("the restart failed") && !page.contains("NaN"));
}

#[test]
fn json_names_no_front_for_all_if_they_differ() {
    for runs in [vec![], vec![run("a", "stock", 1), run("a", "nginx", 0)]] {
        let value: serde_json::Value =
            serde_json::from_str(&report::json(&rehearsal(runs))).unwrap();
        assert_eq!(value["front"], json!(null));
    }
}

/// Parses the page as XML. A page of well-formed XML is also well-formed HTML, because a browser has to guess no tag.
fn parsed(page: &str) -> roxmltree::Document<'_> {
    let body = page
        .strip_prefix("<!doctype html>")
        .expect("the page begins with its doctype");
    roxmltree::Document::parse(body).expect("the page is well-formed")
}

#[test]
fn page_is_well_formed_and_its_references_resolve() {
    let page = report::html(&synthetic::rehearsal());
    let document = parsed(&page);
    let nodes = || document.descendants().filter(roxmltree::Node::is_element);
    let ids: Vec<_> = nodes().filter_map(|node| node.attribute("id")).collect();
    let unique: HashSet<_> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "an id occurs twice: {ids:?}");
    let labels = nodes()
        .filter_map(|node| node.attribute("aria-labelledby"))
        .flat_map(str::split_whitespace);
    let links = nodes()
        .filter(|node| node.has_tag_name("a"))
        .map(|node| node.attribute("href").unwrap());
    for id in
        labels.chain(links.map(|href| href.strip_prefix('#').expect("links stay on the page")))
    {
        assert!(unique.contains(id), "nothing has the id {id}");
    }
    let pictures: Vec<_> = nodes()
        .filter(|node| node.attribute("role") == Some("img"))
        .collect();
    assert_eq!(pictures.len(), 3, "one picture per run");
    for picture in pictures {
        for name in ["title", "desc"] {
            assert!(
                picture.children().any(|node| node.has_tag_name(name)),
                "a picture has no {name}"
            );
        }
    }
}

#[test]
fn page_asks_for_nothing_and_runs_nothing() {
    let page = report::html(&synthetic::rehearsal());
    for word in [
        "<script", "http:", "https:", "url(", "@import", "src=", "onclick",
    ] {
        assert!(!page.contains(word), "the page has {word}");
    }
}

#[test]
fn page_escapes_all_text() {
    let mut run = run(HOSTILE, HOSTILE, 1);
    run.reasons = vec![HOSTILE.into()];
    run.instructions = vec![Instruction {
        name: HOSTILE.into(),
        start: run.deploy.start,
        end: run.deploy.end,
    }];
    let rehearsal = Rehearsal {
        image: HOSTILE.into(),
        systemd: HOSTILE.into(),
        nginx: HOSTILE.into(),
        runs: vec![run],
        soak: None,
    };
    let page = report::html(&rehearsal);
    assert!(!page.contains("<script"), "text became an element");
    let document = parsed(&page);
    let text: Vec<_> = document
        .descendants()
        .filter_map(|node| node.text())
        .collect();
    let whole = text.iter().filter(|text| text.trim() == HOSTILE).count();
    // The text occurs in nine places: image, systemd, nginx, the overview's scenario and front, heading, reason, table
    // of instructions, and the total's front.
    assert!(whole >= 9, "only {whole} texts came through whole");
    assert!(
        text.iter()
            .any(|text| text.starts_with("<script>alert(") && text.contains('…')),
        "no instruction label"
    );
}

#[test]
fn page_is_the_same_for_the_same_result() {
    assert_eq!(
        report::html(&synthetic::rehearsal()),
        report::html(&synthetic::rehearsal())
    );
}

#[test]
fn page_judges_flipless_and_only_compares_stock() {
    let both = report::html(&rehearsal(vec![
        run("a", "stock", 812),
        run("a", "nginx", 0),
    ]));
    assert!(both.contains("<h1 class=\"good\">flipless passed</h1>"));
    let alone = report::html(&rehearsal(vec![run("a", "stock", 812)]));
    assert!(alone.contains("<h1 class=\"bad\">stock failed</h1>"));
    assert!(
        report::html(&rehearsal(vec![])).contains("<h1 class=\"bad\">Nothing was rehearsed</h1>")
    );
}

#[test]
fn page_shows_stock_first_whatever_ran_first() {
    let page = report::html(&rehearsal(vec![
        run("a", "nginx", 0),
        run("a", "stock", 812),
    ]));
    let headings: Vec<_> = parsed(&page)
        .descendants()
        .filter(|node| node.has_tag_name("h3"))
        .map(|node| node.text().unwrap().trim().to_owned())
        .collect();
    assert_eq!(
        headings,
        ["stock Elastic Beanstalk", "flipless, nginx front"]
    );
}
