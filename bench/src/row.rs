//! A row of the table, and a measurement, which fills one or more rows.

use crate::context::Context;
use crate::figure::{Budget, Figure, Pair};
use crate::progress;
use crate::result::{Outcome, Shown};

/// A row of the table.
pub struct Row {
    /// The name on the command line.
    pub name: &'static str,
    /// What the row compares: "flipless against the peer".
    pub what: &'static str,
    /// The unit of both sides.
    pub unit: &'static str,
    /// What the row shows of both sides.
    pub figure: Figure,
    /// The limit.
    pub budget: Budget,
}

/// Why a measurement has no result.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// This machine lacks something.
    #[error("needs {0}")]
    Missing(String),
    /// Something failed.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// The result of a measurement for one row.
#[derive(Debug, Default)]
pub struct Samples {
    /// The samples of both sides, in the order in which they were measured.
    pub pairs: Vec<Pair>,
    /// A note for the reader of the report.
    pub note: Option<String>,
}

impl From<Vec<Pair>> for Samples {
    fn from(pairs: Vec<Pair>) -> Self {
        Self { pairs, note: None }
    }
}

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
