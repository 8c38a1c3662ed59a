//! The table of a soak.

use std::io::{self, Write};

use anstyle::Style;

use crate::report::format;
use crate::result::{SoakResult, SoakRow};

const BOLD: Style = Style::new().bold();

/// A row for each kind of deployment and of fault, then the sums.
pub(super) fn table(soak: &SoakResult, out: &mut impl Write) -> io::Result<()> {
    let widest = soak.rows.iter().map(|row| row.name.len()).max();
    let width = widest.unwrap_or(0).max("deployment".len());
    let head = format!(
        "{:width$}  {:>5}  {:>7}  {:>6}",
        "deployment", "times", "aborted", "mean"
    );
    writeln!(out, "{BOLD}{head}{BOLD:#}")?;
    for row in &soak.rows {
        line(out, row, width)?;
    }
    let seed = soak
        .seed
        .map_or("without faults".into(), |seed| format!("seed {seed}"));
    let (deployments, aborted, kills) = (soak.deployments, soak.aborted, soak.kills);
    let seconds = format::seconds(soak.seconds);
    let renewals = match soak.renewals {
        0 => String::new(),
        renewals => format!(", {renewals} renewals"),
    };
    writeln!(
        out,
        "{deployments} deployments, {aborted} aborted, {kills} kills{renewals} in {seconds}, {seed}\n"
    )
}

fn line(out: &mut impl Write, row: &SoakRow, width: usize) -> io::Result<()> {
    let (times, aborted) = (row.times, row.aborted);
    let mean = format::seconds(row.seconds / f64::from(times.max(1)));
    writeln!(
        out,
        "{:width$}  {times:>5}  {aborted:>7}  {mean:>6}",
        row.name
    )
}
