//! The result on a terminal.

mod soak;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::format;
use super::rehearsal::Rehearsal;
use crate::result::ScenarioResult;
use crate::summary::Latency;

const COLUMNS: [&str; 8] = [
    "scenario",
    "front",
    "requests",
    "failed",
    "steady p99.9",
    "deploy p99.9",
    "deployment",
    "verdict",
];
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Writes a table with one line per run, and the reasons of each verdict below the line.
///
/// The table has colours. Use `anstream::stdout()` as writer: it removes the colours if they are not wanted.
///
/// # Errors
/// If the writer fails.
pub fn terminal(rehearsal: &Rehearsal, out: &mut impl Write) -> io::Result<()> {
    let Rehearsal {
        image,
        systemd,
        nginx,
        runs,
        soak,
    } = rehearsal;
    writeln!(
        out,
        "{DIM}image {}, systemd {}, nginx {}{DIM:#}\n",
        plain(image),
        plain(systemd),
        plain(nginx)
    )?;
    let rows: Vec<_> = runs.iter().map(cells).collect();
    let widths = widths(&rows);
    row(out, &COLUMNS.map(String::from), &widths, BOLD, BOLD)?;
    for (run, cells) in runs.iter().zip(&rows) {
        let verdict = if run.ok { GOOD } else { BAD };
        row(out, cells, &widths, Style::new(), verdict)?;
        for reason in run.reasons.iter().flat_map(|reason| reason.lines()) {
            writeln!(out, "  {DIM}{}{DIM:#}", plain(reason))?;
        }
    }
    writeln!(out)?;
    if let Some(soak) = soak {
        soak::table(soak, out)?;
    }
    for total in rehearsal.totals() {
        let verdict = if total.passed == total.runs {
            GOOD
        } else {
            BAD
        };
        let (failed, requests) = (format::count(total.failed), format::count(total.requests));
        let left = match total.unprocessed {
            0 => String::new(),
            left => format!(", {} of HTTP/2 left unprocessed", format::count(left)),
        };
        let (name, passed, runs) = (plain(&format::front(total.front)), total.passed, total.runs);
        writeln!(
            out,
            "{verdict}{name}{verdict:#}: {passed} of {runs} passed, {failed} of {requests} requests failed{left}"
        )?;
    }
    Ok(())
}

fn cells(run: &ScenarioResult) -> [String; 8] {
    let ScenarioResult { summary, .. } = run;
    [
        plain(&run.scenario),
        plain(&run.front),
        format::count(summary.requests),
        format::count(summary.failed),
        p999(summary.steady.as_ref()),
        p999(summary.deploy.as_ref()),
        format::seconds(run.deploy_seconds),
        if run.ok { "ok" } else { "FAILED" }.into(),
    ]
}

fn p999(latency: Option<&Latency>) -> String {
    latency.map_or_else(
        || "–".into(),
        |latency| format!("{} ms", format::ms(latency.p999_ms)),
    )
}

fn widths(rows: &[[String; 8]]) -> [usize; 8] {
    let mut widths = COLUMNS.map(|column| column.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

/// Writes one line of the table: names on the left, then numbers, and the verdict last.
fn row(
    out: &mut impl Write,
    cells: &[String; 8],
    widths: &[usize; 8],
    style: Style,
    verdict: Style,
) -> io::Result<()> {
    let [numbers @ .., last] = cells;
    for (index, (cell, width)) in numbers.iter().zip(widths).enumerate() {
        match index {
            0 | 1 => write!(out, "{style}{cell:width$}{style:#}  ")?,
            _ => write!(out, "{style}{cell:>width$}{style:#}  ")?,
        }
    }
    writeln!(out, "{verdict}{last}{verdict:#}")
}

/// Replaces control characters, because a name or a reason may contain text of a server or of a file.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
