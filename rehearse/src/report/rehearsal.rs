//! The result of a rehearsal, and its totals.

use crate::result::{ScenarioResult, SoakResult};

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
    pub runs: Vec<ScenarioResult>,
    /// What a soak has more.
    pub soak: Option<SoakResult>,
}

/// The front that is Elastic Beanstalk's own: what the others are compared with.
pub(super) const STOCK: &str = "stock";

/// What clients of one front saw, over all its runs.
pub(super) struct Total<'a> {
    pub front: &'a str,
    pub runs: usize,
    pub passed: usize,
    pub requests: usize,
    pub failed: usize,
}

impl Rehearsal {
    /// A total for each front: stock first, then as they come.
    pub(super) fn totals(&self) -> Vec<Total<'_>> {
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
