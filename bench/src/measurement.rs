//! One measurement of the bench: what it measures, and its result.

use crate::context::Context;
use crate::progress;
use crate::result::{Outcome, Shown};
use crate::row::{Row, Samples, Trouble};

/// A measurement, which fills one or more rows.
pub struct Measurement {
    /// The rows, in the order of the samples that `samples` returns.
    pub rows: &'static [Row],
    /// Measures both sides.
    pub samples: fn(&Context) -> Result<Vec<Samples>, Trouble>,
}

impl Measurement {
    /// Measures both sides, and returns every row with its outcome.
    pub fn measure(&self, context: &Context) -> Vec<Shown> {
        let names: Vec<_> = self.rows.iter().map(|row| row.name).collect();
        progress::status("Measuring", names.join(", "));
        let samples = (self.samples)(context);
        let rows = self.rows.iter().enumerate();
        rows.map(|(index, row)| {
            let outcome = match &samples {
                Ok(all) => Outcome::measured(row, &all[index]),
                Err(Trouble::Missing(what)) => Outcome::Missing(what.clone()),
                Err(Trouble::Failed(error)) => Outcome::Failed(format!("{error:#}")),
            };
            Shown::new(row, outcome)
        })
        .collect()
    }
}
