//! The plot of a row: a dot for the figure of each run, the median, and the budget.

use serde::Serialize;

use crate::figure::Budget;
use crate::result::Figures;

/// The width of a plot. The page scales it.
pub const WIDTH: f64 = 300.0;

/// The horizontal positions of everything in the plot, from 0 to [`WIDTH`].
#[derive(Debug, PartialEq, Serialize)]
pub struct Plot {
    /// The figure of each run.
    pub dots: Vec<f64>,
    /// The median of the runs.
    pub median: f64,
    /// The part within the budget: its start and its width. Without a budget there is none.
    pub within: Option<(f64, f64)>,
}

impl Plot {
    /// Draws the figures of a row; `None` if a figure is not a number.
    pub fn new(figures: &Figures, budget: Budget) -> Option<Self> {
        let limit = match budget {
            Budget::AtMost(limit) | Budget::AtLeast(limit) => Some(limit),
            Budget::None => None,
        };
        let values = figures.figures.iter().copied().chain(limit);
        let (low, high) = values.fold((0.0, 0.0), |(low, high): (f64, f64), value| {
            (low.min(value), high.max(value))
        });
        // The margin keeps the outermost dot inside the picture.
        let range = (high - low).max(f64::MIN_POSITIVE) * 1.1;
        let at = |value: f64| ((value - low) / range * WIDTH * 10.0).round() / 10.0;
        let within = limit.map(|limit| match budget {
            Budget::AtLeast(_) => (at(limit), WIDTH - at(limit)),
            _ => (0.0, at(limit)),
        });
        let mut all = figures.figures.iter().chain([&figures.figure]);
        all.all(|value| value.is_finite()).then(|| Self {
            dots: figures.figures.iter().map(|value| at(*value)).collect(),
            median: at(figures.figure),
            within,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(values: &[f64]) -> Figures {
        Figures {
            ours: 1.0,
            peer: 1.0,
            figure: crate::figure::median(values.iter().copied()),
            figures: values.to_vec(),
            met: None,
            note: None,
        }
    }

    #[test]
    fn the_part_within_the_budget_ends_or_begins_at_the_limit() {
        let two = figures(&[1.0, 2.0, 2.0]);
        let most = Plot::new(&two, Budget::AtMost(1.1)).expect("numbers");
        assert_eq!(most.within, Some((0.0, 150.0)));
        let least = Plot::new(&two, Budget::AtLeast(1.1)).expect("numbers");
        assert_eq!(least.within, Some((150.0, 150.0)));
        assert_eq!((least.median, least.dots.len()), (272.7, 3));
    }

    #[test]
    fn every_figure_is_inside_the_picture() {
        for values in [&[-0.5, 3.0][..], &[0.0], &[1e9]] {
            let plot = Plot::new(&figures(values), Budget::None).expect("numbers");
            let inside = |at: &f64| (0.0..=WIDTH).contains(at);
            assert!(plot.dots.iter().all(inside), "{plot:?}");
        }
    }

    #[test]
    fn without_a_figure_there_is_no_plot() {
        assert_eq!(Plot::new(&figures(&[]), Budget::AtMost(1.0)), None);
    }
}
