//! The result of a rehearsal: on the terminal, as JSON, and as one self-contained page.
//!
//! All three are functions of a [`Rehearsal`] alone: no clock, no environment, so that the same
//! result gives the same bytes.

mod format;
mod html;
mod json;
mod svg;
mod terminal;
mod timeline;

use std::{ops::Range, time::Duration};

pub use html::html;
pub use json::json;
pub use terminal::terminal;

use crate::{
    record::{Phase, Record},
    summary::Summary,
};

/// Where scenarios were rehearsed, and what each came to.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// The image's name or directory: `bookworm`.
    pub image: String,
    /// systemd's version on it: `252`.
    pub systemd: String,
    /// nginx's version on it: `1.22.1`.
    pub nginx: String,
    /// In the order they ran.
    pub runs: Vec<Run>,
}

/// One scenario behind one front.
#[derive(Debug, Clone)]
pub struct Run {
    /// The scenario's name: `new-version`.
    pub scenario: String,
    /// `nginx`, `direct` or `stock`.
    pub front: String,
    /// The numbers of `records`.
    pub summary: Summary,
    /// How long the deployment took, in seconds.
    pub deploy_seconds: f64,
    /// When it took place, on the records' clock.
    pub deploy: Range<Duration>,
    /// The engine's work, on the same clock.
    pub phases: Vec<Phase>,
    /// All the load saw.
    pub records: Vec<Record>,
    /// The verdict.
    pub ok: bool,
    /// Why not ok, or what else is worth saying.
    pub reasons: Vec<String>,
}

/// The front that is Elastic Beanstalk's own: what the others are compared with.
const STOCK: &str = "stock";

/// What clients of one front saw, over all its runs.
struct Total<'a> {
    front: &'a str,
    runs: usize,
    passed: usize,
    requests: usize,
    failed: usize,
}

impl Rehearsal {
    /// A total for each front: stock first, then as they come.
    fn totals(&self) -> Vec<Total<'_>> {
        let mut totals: Vec<Total> = Vec::new();
        for run in &self.runs {
            let index = totals
                .iter()
                .position(|total| total.front == run.front)
                .unwrap_or_else(|| {
                    totals.push(Total {
                        front: &run.front,
                        runs: 0,
                        passed: 0,
                        requests: 0,
                        failed: 0,
                    });
                    totals.len() - 1
                });
            let total = &mut totals[index];
            total.runs += 1;
            total.passed += usize::from(run.ok);
            total.requests += run.summary.requests;
            total.failed += run.summary.failed;
        }
        totals.sort_by_key(|total| total.front != STOCK);
        totals
    }
}
