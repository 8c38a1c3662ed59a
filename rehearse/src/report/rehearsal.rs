//! The result of a rehearsal, and its totals.

use crate::result::{ScenarioResult, SoakResult};

/// The results of all runs, and the system on which they ran.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// The image's name or directory: `bookworm`.
    pub image: String,
    /// The image's version of systemd: `252`.
    pub systemd: String,
    /// The image's version of nginx: `1.22.1`.
    pub nginx: String,
    /// The results in the order of the runs.
    pub runs: Vec<ScenarioResult>,
    /// The additional results of a soak.
    pub soak: Option<SoakResult>,
}

/// The front mode in which Elastic Beanstalk's own nginx serves. The report compares the other modes with it.
pub(super) const STOCK: &str = "stock";

/// The sums over all runs in one front mode.
pub(super) struct Total<'a> {
    pub front: &'a str,
    pub runs: usize,
    pub passed: usize,
    pub requests: usize,
    pub failed: usize,
    pub unprocessed: usize,
}

impl Rehearsal {
    /// A total for each front mode: stock first, then in the order of the runs.
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
                        unprocessed: 0,
                    });
                    totals.len() - 1
                });
            let total = &mut totals[index];
            total.runs += 1;
            total.passed += usize::from(run.ok);
            total.requests += run.summary.requests;
            total.failed += run.summary.failed;
            total.unprocessed += run.summary.unprocessed;
        }
        totals.sort_by_key(|total| total.front != STOCK);
        totals
    }
}
