//! How the samples of both sides become one figure, and how the figure is judged.

use serde::Serialize;

/// The bytes of a MiB.
pub const MIB: f64 = 1_048_576.0;

/// One sample of both sides, measured one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pair {
    /// flipless's side.
    pub ours: f64,
    /// The other side.
    pub peer: f64,
}

/// How a row computes its figure from a pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// flipless's side divided by the other side.
    Ratio,
    /// The other side divided by flipless's side. A row of times uses it, so that "1.8 times as fast" is 1.8.
    Speedup,
    /// flipless's side minus the other side.
    Difference,
    /// flipless's side alone, for a count or a size with a limit of its own.
    Alone,
}

impl Figure {
    /// The figure of one pair.
    pub fn of(self, pair: &Pair) -> f64 {
        match self {
            Self::Ratio => pair.ours / pair.peer,
            Self::Speedup => pair.peer / pair.ours,
            Self::Difference => pair.ours - pair.peer,
            Self::Alone => pair.ours,
        }
    }

    /// Returns the median of the figures of all pairs. The bench does not compute one figure from the medians of both
    /// sides, because the machine's speed changes between two pairs, but hardly within a pair.
    pub fn median(self, pairs: &[Pair]) -> f64 {
        median(pairs.iter().map(|pair| self.of(pair)))
    }
}

/// The limit of a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// The figure may be at most this.
    AtMost(f64),
    /// The figure must be at least this.
    AtLeast(f64),
    /// The row has no limit.
    None,
}

impl Budget {
    /// Returns whether the figure is within the budget, or `None` if the row has no limit.
    pub fn is_met_by(self, figure: f64) -> Option<bool> {
        match self {
            Self::AtMost(limit) => Some(figure <= limit),
            Self::AtLeast(limit) => Some(figure >= limit),
            Self::None => None,
        }
    }
}

/// Returns the median. Without values it is NaN, which meets no budget.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_the_pairs() {
        let pair = |ours, peer| Pair { ours, peer };
        // The machine is half as fast in the second pair.
        let pairs = [pair(10.0, 5.0), pair(20.0, 10.0), pair(90.0, 10.0)];
        assert_eq!(Figure::Ratio.median(&pairs), 2.0);
        assert_eq!(Figure::Speedup.median(&pairs), 0.5);
        assert_eq!(Figure::Difference.median(&pairs), 10.0);
        assert_eq!(Figure::Alone.median(&pairs[..2]), 15.0);
    }

    #[test]
    fn no_figure_meets_no_budget() {
        let none = Figure::Ratio.median(&[]);
        assert_eq!(Budget::AtMost(1.0).is_met_by(none), Some(false));
        assert_eq!(Budget::AtLeast(1.0).is_met_by(none), Some(false));
        assert_eq!(Budget::AtMost(1.0).is_met_by(1.0), Some(true));
        assert_eq!(Budget::AtLeast(1.0).is_met_by(0.9), Some(false));
        assert_eq!(Budget::None.is_met_by(none), None);
    }
}
