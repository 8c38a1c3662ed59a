//! An invented rehearsal, which is the same at every call.

use std::{ops::Range, time::Duration};

use rehearse::{
    instruction::Instruction,
    record::{Kind, Outcome, Record},
    report::Rehearsal,
    result::ScenarioResult,
    summary::Summary,
};

const LENGTH: f64 = 20.0;
const DEPLOY: Range<f64> = 5.0..13.4;
const INSTRUCTIONS: [(&str, f64, f64); 8] = [
    ("unzip", 5.0, 5.6),
    ("predeploy hooks", 5.7, 8.9),
    ("flip", 9.0, 9.1),
    ("stop proxy", 9.1, 9.5),
    ("stop app", 9.5, 10.0),
    ("start app", 10.0, 10.3),
    ("start proxy", 10.3, 10.5),
    ("postdeploy hooks", 10.6, 13.3),
];

/// A run in stock mode with an outage of 1.3 s, and a run with flipless.
pub fn rehearsal() -> Rehearsal {
    Rehearsal {
        image: "bookworm".into(),
        systemd: "252.39-1~deb12u1".into(),
        nginx: "1.22.1".into(),
        runs: vec![
            run("new-version", "stock", Some(9.2..10.5)),
            run("new-version", "nginx", None),
            run("restart app server", "nginx", None),
        ],
        soak: None,
    }
}

fn run(scenario: &str, front: &str, outage: Option<Range<f64>>) -> ScenarioResult {
    let seconds = Duration::from_secs_f64;
    let records = records(outage.as_ref());
    let deploy = seconds(DEPLOY.start)..seconds(DEPLOY.end);
    let summary = Summary::of(&records, deploy.clone());
    let reasons = match summary.failed {
        0 => vec![],
        failed => vec![format!("{failed} requests failed, where none may")],
    };
    ScenarioResult {
        scenario: scenario.into(),
        front: front.into(),
        ok: summary.failed == 0,
        reasons,
        summary,
        deploy_seconds: DEPLOY.end - DEPLOY.start,
        deploy,
        instructions: INSTRUCTIONS
            .iter()
            .map(|(name, start, end)| Instruction {
                name: (*name).into(),
                start: seconds(*start),
                end: seconds(*end),
            })
            .collect(),
        records,
    }
}

fn records(outage: Option<&Range<f64>>) -> Vec<Record> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut records = Vec::new();
    for (kind, rate) in [
        (Kind::New, 400.0),
        (Kind::KeepAlive, 600.0),
        (Kind::Slow, 4.0),
    ] {
        let mut at = 0.0;
        while at < LENGTH {
            let dark = outage.is_some_and(|outage| outage.contains(&at));
            let busy = if (9.0..10.6).contains(&at) { 2.2 } else { 1.0 };
            let latency = 0.4e-3
                + 0.5e-3 * busy * -random.next().ln()
                + if random.next() > 0.999 { 9e-3 } else { 0.0 };
            let (latency, outcome) = match (dark, kind) {
                (_, Kind::Slow)
                    if outage.is_some_and(|dark| (at..at + 2.0).contains(&dark.start)) =>
                {
                    (9.2 - at, Outcome::Truncated)
                }
                (_, Kind::Slow) => (2.0 + latency, Outcome::Ok),
                (true, Kind::KeepAlive) if random.next() > 0.97 => (latency, Outcome::Reset),
                (true, _) if at > 10.2 => (latency, Outcome::Status(502)),
                (true, _) => (0.2e-3, Outcome::Refused),
                (false, _) => (latency, Outcome::Ok),
            };
            let [at_, latency] = [at, latency].map(Duration::from_secs_f64);
            records.push(Record {
                at: at_,
                kind,
                latency,
                outcome,
                run: None,
                certificate: None,
            });
            at += (0.6 + 0.8 * random.next()) / rate;
        }
    }
    records
}

/// Generates numbers between 0 and 1, but never 0, with xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) + 1) as f64 / ((1u64 << 53) + 1) as f64
    }
}
