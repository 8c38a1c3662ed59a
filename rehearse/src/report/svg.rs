//! The geometry of a run's timeline.
//!
//! Widths are relative to the page, and heights are pixels: curves stretch with the window, and text does not.
//! So x is a percentage for text, and a number of bins within a curve.

mod geometry;
mod lanes;
mod paths;
mod scale;

use crate::result::ScenarioResult;
use std::time::Duration;

use serde::Serialize;

use super::{
    format,
    timeline::{Bin, Timeline},
};
use crate::summary::Latency;
use geometry::{FAILED, LATENCY, RATE, round};
use lanes::Lane;
pub use scale::Scale;
use scale::Tick;

/// The data of `timeline.svg`.
#[derive(Debug, Serialize)]
pub struct Chart {
    bins: f64,
    offset: f64,
    deploy: Span,
    rate: Curve,
    answered: String,
    total: String,
    failed: String,
    failed_height: f64,
    latency: Curve,
    p50: String,
    p99: String,
    max: String,
    lanes: Vec<Lane>,
    lane_count: usize,
    times: Vec<Tick>,
    description: String,
}

#[derive(Debug, Serialize)]
struct Span {
    x: f64,
    width: f64,
    label: String,
}

#[derive(Debug, Serialize)]
struct Curve {
    height: f64,
    ticks: Vec<Tick>,
}

impl Chart {
    /// Draws a run on the scale of its scenario.
    pub fn new(run: &ScenarioResult, timeline: &Timeline, scale: &Scale) -> Self {
        let bins = &timeline.bins;
        let latency = |pick: fn(&super::timeline::Latency) -> Duration| {
            paths::line(bins.iter().map(|bin| {
                bin.latency
                    .as_ref()
                    .map(|latency| scale.latency(pick(latency)))
            }))
        };
        let start = scale.x(run, run.deploy.start);
        let lanes = lanes::pack(&run.instructions, |moment| scale.x(run, moment));
        Self {
            bins: scale.bins(),
            offset: scale.offset(run),
            deploy: Span {
                x: start,
                width: round(scale.x(run, run.deploy.end) - start),
                label: format::seconds(run.deploy_seconds),
            },
            rate: Curve {
                height: RATE,
                ticks: scale.rate_ticks(),
            },
            answered: paths::area(bins.iter().map(|bin| scale.rate(bin.answered)), RATE),
            total: paths::bars(failing(bins, |bin| scale.rate(bin.requests())), RATE),
            failed: paths::bars(failing(bins, failed_share), FAILED),
            failed_height: FAILED,
            latency: Curve {
                height: LATENCY,
                ticks: scale.latency_ticks(),
            },
            p50: latency(|latency| latency.p50),
            p99: latency(|latency| latency.p99),
            max: latency(|latency| latency.max),
            lane_count: lanes.iter().map(|lane| lane.row + 1).max().unwrap_or(0),
            lanes,
            times: scale.times(),
            description: description(run, timeline),
        }
    }
}

/// Returns the top of each bin with failures, and `None` for each other bin.
fn failing(bins: &[Bin], top: impl Fn(&Bin) -> f64) -> impl Iterator<Item = Option<f64>> {
    bins.iter()
        .map(move |bin| (bin.failed > 0).then(|| top(bin)))
}

/// The y coordinate of the top of the bar for the share that failed, in pixels. The bar is at least 3 px high, so that
/// a single failure is visible.
fn failed_share(bin: &Bin) -> f64 {
    round(FAILED * (1.0 - bin.failed as f64 / bin.requests() as f64)).min(FAILED - 3.0)
}

/// A text alternative for the picture.
fn description(run: &ScenarioResult, timeline: &Timeline) -> String {
    let summary = &run.summary;
    let failed = match summary.failed {
        0 => format!(
            "None of {} requests failed.",
            format::count(summary.requests)
        ),
        failed => format!(
            "{} of {} requests failed during {}.",
            format::count(failed),
            format::count(summary.requests),
            format::duration(timeline.failing())
        ),
    };
    let latency = |when: &str, latency: &Option<Latency>| match latency {
        Some(Latency { p50_ms, max_ms, .. }) => {
            format!(
                " Latency {when}: median {} ms, longest {} ms.",
                format::ms(*p50_ms),
                format::ms(*max_ms)
            )
        }
        None => format!(" No request was answered {when}."),
    };
    format!(
        "Requests per second, the share of failed requests, and latencies, in bins of 100 ms. {failed}{}{} The deployment took {}.",
        latency("in steady state", &summary.steady),
        latency("during the deployment", &summary.deploy),
        format::seconds(run.deploy_seconds),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_among_many_requests_is_visible() {
        let bin = |answered, failed| Bin {
            unprocessed: 0,
            answered,
            failed,
            latency: None,
        };
        assert_eq!(failed_share(&bin(999, 1)), FAILED - 3.0);
        assert_eq!(failed_share(&bin(1, 1)), FAILED / 2.0);
        assert_eq!(failed_share(&bin(0, 1)), 0.0);
    }
}
