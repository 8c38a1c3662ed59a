//! A row of the table, and its samples.

use crate::figure::{Budget, Figure, Pair};

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
