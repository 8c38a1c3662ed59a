//! The scales of a scenario's timelines.

use crate::result::ScenarioResult;
use std::time::Duration;

use serde::Serialize;

use super::geometry::{LATENCY, RATE, round};
use crate::report::{
    format,
    timeline::{BIN, Timeline},
};

/// The scales that all runs of a scenario share, so that the runs can be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// Seconds shown before the deployment.
    before: f64,
    /// Seconds shown from the start of the deployment on.
    after: f64,
    /// Requests per second at the top.
    rate: f64,
    /// The powers of ten, in milliseconds, that enclose all latencies.
    decades: (i32, i32),
}

/// A tick of an axis, with its label.
#[derive(Debug, Serialize)]
pub struct Tick {
    at: f64,
    label: String,
}

impl Scale {
    /// The scale that fits all of the runs.
    pub fn of(runs: &[(&ScenarioResult, Timeline)]) -> Self {
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

    /// The x coordinate of a moment, in percent of the width.
    pub fn x(&self, run: &ScenarioResult, moment: Duration) -> f64 {
        let seconds = moment.as_secs_f64() - run.deploy.start.as_secs_f64() + self.before;
        round(100.0 * seconds / (self.before + self.after))
    }

    /// The y coordinate of a rate, in pixels.
    pub fn rate(&self, count: usize) -> f64 {
        round(RATE * (1.0 - count as f64 / BIN.as_secs_f64() / self.rate))
    }

    /// The width, in bins.
    pub fn bins(&self) -> f64 {
        round((self.before + self.after) / BIN.as_secs_f64())
    }

    /// The x coordinate of a run's first bin, in bins. The deployments of all runs start at the same x.
    pub fn offset(&self, run: &ScenarioResult) -> f64 {
        round((self.before - run.deploy.start.as_secs_f64()) / BIN.as_secs_f64())
    }

    /// The y coordinate of a latency, in pixels.
    pub fn latency(&self, value: Duration) -> f64 {
        let (low, high) = self.decades;
        let share = (ms(value).max(1e-3).log10() - f64::from(low)) / f64::from(high - low);
        round(LATENCY * (1.0 - share.clamp(0.0, 1.0)))
    }

    /// Ticks at zero, at half of the maximum, and at the maximum.
    pub fn rate_ticks(&self) -> Vec<Tick> {
        let tick = |share: f64| Tick {
            at: round(RATE * (1.0 - share)),
            label: format::count((self.rate * share).round() as usize),
        };
        [0.0, 0.5, 1.0].map(tick).into()
    }

    /// A tick for each power of ten.
    pub fn latency_ticks(&self) -> Vec<Tick> {
        let (low, high) = self.decades;
        let at = |power| round(LATENCY * f64::from(high - power) / f64::from(high - low));
        (low..=high)
            .map(|power| Tick {
                at: at(power),
                label: power_label(power),
            })
            .collect()
    }

    /// At most seven ticks, in seconds from the start of the deployment.
    pub fn times(&self) -> Vec<Tick> {
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

/// The last moment of a run, in seconds.
fn last(run: &ScenarioResult, timeline: &Timeline) -> f64 {
    let ends = run
        .instructions
        .iter()
        .map(|instruction| instruction.end)
        .chain([run.deploy.end, timeline.end()]);
    ends.max().unwrap_or_default().as_secs_f64()
}

/// The exponents of the powers of ten that enclose two latencies. The exponents differ by at least two.
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

/// The next larger round number, at least 10.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_enclose_the_latencies_and_are_at_least_two() {
        assert_eq!(decades(0.4, 1312.0), (-1, 4));
        assert_eq!(decades(2.0, 3.0), (0, 2));
        assert_eq!(decades(f64::INFINITY, 0.0), (0, 3));
    }

    #[test]
    fn powers_have_the_unit_people_use() {
        assert_eq!(
            [-2, -1, 0, 2, 3, 4].map(power_label),
            ["0.01 ms", "0.1 ms", "1 ms", "100 ms", "1 s", "10 s"]
        );
    }

    #[test]
    fn the_top_of_the_axis_is_a_round_number_above_all_rates() {
        assert_eq!(
            [0.0, 10.0, 101.0, 990.0, 1170.0].map(nice),
            [10.0, 10.0, 120.0, 1000.0, 1200.0]
        );
    }

    #[test]
    fn time_zero_is_the_start_of_the_deployment() {
        let scale = Scale {
            before: 5.0,
            after: 15.0,
            rate: 10.0,
            decades: (0, 3),
        };
        let times: Vec<_> = scale
            .times()
            .into_iter()
            .map(|tick| (tick.at, tick.label))
            .collect();
        let expected = [
            (0.0, "−5 s"),
            (25.0, "0 s"),
            (50.0, "5 s"),
            (75.0, "10 s"),
            (100.0, "15 s"),
        ];
        assert_eq!(times, expected.map(|(at, label)| (at, label.to_owned())));
    }
}
