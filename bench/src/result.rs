//! The report: every row with its verdict.

use serde::Serialize;

use crate::figure::{Budget, median};
use crate::machine::Machine;
use crate::row::{Row, Samples};

/// How a row ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome", content = "detail")]
pub enum Outcome {
    /// Both sides were measured.
    Measured(Figures),
    /// This machine lacks something, which the text names.
    Missing(String),
    /// Something failed.
    Failed(String),
}

/// The figures of a row.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// The median of flipless's side.
    pub ours: f64,
    /// The median of the other side.
    pub peer: f64,
    /// The figure that the budget limits: the median of `figures`.
    pub figure: f64,
    /// The figure of each run.
    pub figures: Vec<f64>,
    /// Whether the budget is met; `None` without a budget.
    pub met: Option<bool>,
    /// A note for the reader of the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Outcome {
    /// Judges the samples of a row.
    pub fn measured(row: &Row, samples: &Samples) -> Self {
        let figure = row.figure.median(&samples.pairs);
        Self::Measured(Figures {
            ours: median(samples.pairs.iter().map(|pair| pair.ours)),
            peer: median(samples.pairs.iter().map(|pair| pair.peer)),
            figure,
            figures: samples
                .pairs
                .iter()
                .map(|pair| row.figure.of(pair))
                .collect(),
            met: row.budget.is_met_by(figure),
            note: samples.note.clone(),
        })
    }

    /// Returns the verdict for the table.
    pub fn verdict(&self) -> &'static str {
        match self {
            Self::Measured(Figures {
                met: Some(true), ..
            }) => "met",
            Self::Measured(Figures {
                met: Some(false), ..
            }) => "MISSED",
            Self::Measured(_) => "-",
            Self::Missing(_) => "not measured",
            Self::Failed(_) => "FAILED",
        }
    }
}

impl Outcome {
    /// A note for the reader of the report, or the reason why there are no figures.
    pub fn remark(&self) -> Option<String> {
        match self {
            Self::Measured(figures) => figures.note.clone(),
            Self::Missing(what) => Some(format!("needs {what}")),
            Self::Failed(error) => Some(error.clone()),
        }
    }
}

/// A row with its outcome.
#[derive(Serialize)]
pub struct Shown {
    pub name: &'static str,
    pub what: &'static str,
    pub unit: &'static str,
    pub budget: Budget,
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Shown {
    pub fn new(row: &Row, outcome: Outcome) -> Self {
        let Row {
            name,
            what,
            unit,
            budget,
            ..
        } = *row;
        Self {
            name,
            what,
            unit,
            budget,
            outcome,
        }
    }
}

/// All rows, and where and when they were measured.
#[derive(Serialize)]
pub struct Report {
    pub machine: Machine,
    pub runs: u32,
    pub rows: Vec<Shown>,
}

impl Report {
    pub fn new(rows: Vec<Shown>, runs: u32) -> Self {
        Self {
            machine: Machine::this(),
            runs,
            rows,
        }
    }

    /// Returns whether no row failed and no row missed its budget.
    pub fn ok(&self) -> bool {
        let verdicts = self.rows.iter().map(|row| row.outcome.verdict());
        verdicts
            .into_iter()
            .all(|verdict| !["MISSED", "FAILED"].contains(&verdict))
    }
}
