//! The geometry of a run's timeline.
//!
//! Widths are shares of the page's, heights are pixels: curves stretch with the window, text does not.
//! So x is a percentage where it places text, and counts bins within a curve.

mod lanes;
mod paths;

use std::time::Duration;

use serde::Serialize;

use super::{
    Run, format,
    timeline::{BIN, Timeline},
};
use crate::summary::Latency;
use lanes::Lane;

/// Heights of the tracks, in pixels.
const RATE: f64 = 84.0;
const FAILED: f64 = 36.0;
const LATENCY: f64 = 120.0;

/// Scales that all runs of a scenario share, or they could not be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// Seconds shown before the deployment.
    before: f64,
    /// Seconds shown from its start.
    after: f64,
    /// Requests per second at the top.
    rate: f64,
    /// The powers of ten of a millisecond between which latencies lie.
    decades: (i32, i32),
}

/// What `timeline.svg` draws.
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

/// A labelled place on an axis.
#[derive(Debug, Serialize)]
struct Tick {
    at: f64,
    label: String,
}

impl Scale {
    /// The scale that shows all of the runs.
    pub fn of(runs: &[(&Run, Timeline)]) -> Self {
        let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
        let bins = || runs.iter().flat_map(|(_, timeline)| &timeline.bins);
        let latencies = || bins().filter_map(|bin| bin.latency.as_ref());
        let lowest = latencies()
            .map(|latency| ms(latency.p50))
            .fold(f64::INFINITY, f64::min);
        let highest = most(&mut latencies().map(|latency| ms(latency.max)));
        Self {
            before: most(&mut runs.iter().map(|(run, _)| run.deploy.start.as_secs_f64())),
            after: most(
                &mut runs
                    .iter()
                    .map(|(run, timeline)| last(run, timeline) - run.deploy.start.as_secs_f64()),
            )
            .max(0.1),
            rate: nice(most(
                &mut bins().map(|bin| bin.requests() as f64 / BIN.as_secs_f64()),
            )),
            decades: decades(lowest, highest),
        }
    }

    /// Where a moment lies, in percent of the width.
    fn x(&self, run: &Run, moment: Duration) -> f64 {
        let seconds = moment.as_secs_f64() - run.deploy.start.as_secs_f64() + self.before;
        round(100.0 * seconds / (self.before + self.after))
    }

    /// How far down a latency lies, in pixels.
    fn latency(&self, value: Duration) -> f64 {
        let (low, high) = self.decades;
        let share = (ms(value).max(1e-3).log10() - f64::from(low)) / f64::from(high - low);
        round(LATENCY * (1.0 - share.clamp(0.0, 1.0)))
    }

    fn rate_ticks(&self) -> Vec<Tick> {
        let tick = |share: f64| Tick {
            at: round(RATE * (1.0 - share)),
            label: format::count((self.rate * share).round() as usize),
        };
        [0.0, 0.5, 1.0].map(tick).into()
    }

    fn latency_ticks(&self) -> Vec<Tick> {
        let (low, high) = self.decades;
        let at = |power| round(LATENCY * f64::from(high - power) / f64::from(high - low));
        (low..=high)
            .map(|power| Tick {
                at: at(power),
                label: power_label(power),
            })
            .collect()
    }

    /// At most seven moments, counted from the deployment's start.
    fn times(&self) -> Vec<Tick> {
        let span = self.before + self.after;
        let steps = [
            0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0,
        ];
        let step = steps
            .into_iter()
            .find(|step| span / step <= 6.0)
            .unwrap_or(span / 6.0);
        let first = (-self.before / step).ceil() as i64;
        let last = (self.after / step).floor() as i64;
        let digits = usize::from(step < 1.0);
        let tick = |n: i64| {
            let time = n as f64 * step;
            let sign = if n < 0 { "−" } else { "" };
            Tick {
                at: round(100.0 * (time + self.before) / span),
                label: format!("{sign}{:.digits$} s", time.abs()),
            }
        };
        (first..=last).map(tick).collect()
    }
}

impl Chart {
    /// Draws a run on the scale of its scenario.
    pub fn new(run: &Run, timeline: &Timeline, scale: &Scale) -> Self {
        let second = BIN.as_secs_f64();
        let rate = |count: usize| round(RATE * (1.0 - count as f64 / second / scale.rate));
        let bins = &timeline.bins;
        let latency = |pick: fn(&super::timeline::Latency) -> Duration| {
            paths::line(bins.iter().map(|bin| {
                bin.latency
                    .as_ref()
                    .map(|latency| scale.latency(pick(latency)))
            }))
        };
        let start = scale.x(run, run.deploy.start);
        let lanes = lanes::pack(&run.phases, |moment| scale.x(run, moment));
        Self {
            bins: round((scale.before + scale.after) / second),
            offset: round((scale.before - run.deploy.start.as_secs_f64()) / second),
            deploy: Span {
                x: start,
                width: round(scale.x(run, run.deploy.end) - start),
                label: format::seconds(run.deploy_seconds),
            },
            rate: Curve {
                height: RATE,
                ticks: scale.rate_ticks(),
            },
            answered: paths::area(bins.iter().map(|bin| rate(bin.answered)), RATE),
            total: paths::area(bins.iter().map(|bin| rate(bin.requests())), RATE),
            failed: paths::bars(
                bins.iter()
                    .map(|bin| bin.failed as f64 / bin.requests().max(1) as f64),
                FAILED,
            ),
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

/// What the picture shows, for those who do not see it.
fn description(run: &Run, timeline: &Timeline) -> String {
    let summary = &run.summary;
    let failed = match summary.failed {
        0 => format!(
            "None of {} requests failed.",
            format::count(summary.requests)
        ),
        failed => format!(
            "{} of {} requests failed, over {}.",
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
        None => format!(" Nothing was answered {when}."),
    };
    format!(
        "Requests per second, the share that failed, and latencies in each 100 ms. {failed}{}{} The deployment took {}.",
        latency("in steady state", &summary.steady),
        latency("during the deployment", &summary.deploy),
        format::seconds(run.deploy_seconds),
    )
}

/// The last moment of a run, in seconds.
fn last(run: &Run, timeline: &Timeline) -> f64 {
    let ends = run
        .phases
        .iter()
        .map(|phase| phase.end)
        .chain([run.deploy.end, timeline.end()]);
    ends.max().unwrap_or_default().as_secs_f64()
}

/// The powers of ten around two latencies; at least two apart.
fn decades(lowest: f64, highest: f64) -> (i32, i32) {
    if !lowest.is_finite() {
        return (0, 3);
    }
    let low = lowest.max(0.01).log10().floor() as i32;
    let high = highest.max(0.01).log10().ceil() as i32;
    (low, high.max(low + 2))
}

fn power_label(power: i32) -> String {
    match power {
        ..0 => format!("{:.*} ms", power.unsigned_abs() as usize, 10f64.powi(power)),
        0..3 => format!("{} ms", 10f64.powi(power)),
        _ => format!("{} s", 10f64.powi(power - 3)),
    }
}

/// The next round number: 1, 2, 4 or 5 with zeros, or 10 at least.
fn nice(value: f64) -> f64 {
    let value = value.max(10.0);
    let power = 10f64.powf(value.log10().floor());
    let factors = [1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    power
        * factors
            .into_iter()
            .find(|factor| value <= factor * power * 1.000_001)
            .unwrap_or(10.0)
}

fn ms(value: Duration) -> f64 {
    value.as_secs_f64() * 1e3
}

/// Two decimals: a page need not carry more.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
