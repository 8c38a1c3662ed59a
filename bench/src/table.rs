//! The report and the list of rows as text.

use std::fmt::Write;

use crate::figure::{Budget, Figure};
use crate::result::{Outcome, Report, Shown};
use crate::rows;

/// Returns one line for each row: its name, the kind of its figure, its budget and its meaning.
pub fn list() -> String {
    let mut text = String::new();
    for row in rows::all() {
        let budget = budget(row.budget);
        let kind = match row.figure {
            Figure::Ratio => "ratio",
            Figure::Speedup => "speedup",
            Figure::Difference => "difference",
            Figure::Alone => "value",
        };
        let _ = writeln!(text, "{:<27} {kind:<10} {budget:<8} {}", row.name, row.what);
    }
    text
}

/// Returns the report as text: a line about the machine, the table, and then a remark on each row that has one.
pub fn report(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = format!(
        "{} x {}, Linux {}, {}, {}; medians of {} runs\n\n",
        machine.processors,
        machine.processor,
        machine.kernel,
        machine.rust,
        machine.date,
        report.runs
    );
    let _ = writeln!(
        text,
        "{:<27} {:>14} {:>14} {:>9} {:>8}  verdict",
        "row", "flipless", "peer", "figure", "budget"
    );
    report.rows.iter().for_each(|row| line(&mut text, row));
    text.push('\n');
    report.rows.iter().for_each(|row| remark(&mut text, row));
    text
}

fn line(text: &mut String, row: &Shown) {
    let (ours, peer, figure) = match &row.outcome {
        Outcome::Measured(figures) => (
            number(figures.ours, row.unit),
            number(figures.peer, row.unit),
            plain(figures.figure),
        ),
        _ => ("".into(), "".into(), "".into()),
    };
    let (budget, verdict) = (budget(row.budget), row.outcome.verdict());
    let _ = writeln!(
        text,
        "{:<27} {ours:>14} {peer:>14} {figure:>9} {budget:>8}  {verdict}",
        row.name
    );
}

fn remark(text: &mut String, row: &Shown) {
    if let Some(why) = row.outcome.remark() {
        let _ = writeln!(text, "{}: {why}", row.name);
    }
}

/// The limit as text, such as `<= 1.3`.
pub fn budget(budget: Budget) -> String {
    match budget {
        Budget::AtMost(limit) => format!("<= {limit}"),
        Budget::AtLeast(limit) => format!(">= {limit}"),
        Budget::None => "-".into(),
    }
}

/// A value with its unit.
pub fn number(value: f64, unit: &str) -> String {
    match unit {
        "" => plain(value),
        unit => format!("{} {unit}", plain(value)),
    }
}

/// Formats a number with three decimal places below 10, one below 100, and none from 100 on.
pub fn plain(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_three_digits() {
        assert_eq!(plain(123_456.7), "123457");
        assert_eq!(number(12.345, "MiB"), "12.3 MiB");
        assert_eq!(plain(0.97), "0.970");
    }
}
