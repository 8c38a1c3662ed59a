//! The report as one self-contained page. It runs no script and sends no request.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, value::Serde};
use serde::Serialize;

use crate::plot::{Plot, WIDTH};
use crate::result::{Outcome, Report, Shown};
use crate::table::{budget, number, plain};

/// The data of `page.html`.
#[derive(Serialize)]
struct Page<'a> {
    css: &'static str,
    verdict: String,
    ok: bool,
    machine: String,
    report: &'a Report,
    width: f64,
    rows: Vec<View>,
}

/// A row as text, with its plot.
#[derive(Serialize)]
struct View {
    name: &'static str,
    what: &'static str,
    ours: String,
    peer: String,
    figure: String,
    budget: String,
    verdict: &'static str,
    remark: Option<String>,
    plot: Option<Plot>,
}

/// Renders the page. The template escapes all text.
pub fn html(report: &Report) -> String {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let machine = &report.machine;
    let page = Page {
        css: include_str!("page.css"),
        verdict: verdict(report),
        ok: report.ok(),
        machine: format!("{} x {}", machine.processors, machine.processor),
        report,
        width: WIDTH,
        rows: report.rows.iter().map(view).collect(),
    };
    templates
        .render_named_str("page.html", include_str!("page.html"), Serde(&page))
        .expect("the test shows that the template fits its data")
}

/// The verdict in one sentence.
fn verdict(report: &Report) -> String {
    let count = |word| {
        let rows = report.rows.iter();
        rows.filter(|row| row.outcome.verdict() == word).count()
    };
    let (met, missed, failed) = (count("met"), count("MISSED"), count("FAILED"));
    match failed {
        0 => format!("{met} of {} budgets met", met + missed),
        1 => format!("{met} of {} budgets met, 1 row failed", met + missed),
        _ => format!(
            "{met} of {} budgets met, {failed} rows failed",
            met + missed
        ),
    }
}

fn view(row: &Shown) -> View {
    let figures = match &row.outcome {
        Outcome::Measured(figures) => Some(figures),
        _ => None,
    };
    let text =
        |value: Option<f64>, unit| value.map(|value| number(value, unit)).unwrap_or_default();
    View {
        name: row.name,
        what: row.what,
        ours: text(figures.map(|it| it.ours), row.unit),
        peer: text(figures.map(|it| it.peer), row.unit),
        figure: figures.map(|it| plain(it.figure)).unwrap_or_default(),
        budget: budget(row.budget),
        verdict: row.outcome.verdict(),
        remark: row.outcome.remark(),
        plot: figures.and_then(|figures| Plot::new(figures, row.budget)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Budget, Figure, Pair};
    use crate::row::{Row, Samples};

    const ROW: Row = Row {
        name: "requests",
        what: "flipless against <nobody>",
        unit: "/s",
        figure: Figure::Ratio,
        budget: Budget::AtLeast(0.97),
    };

    #[test]
    fn the_page_shows_every_row_and_escapes_its_text() {
        let pairs = vec![
            Pair {
                ours: 9.0,
                peer: 10.0
            };
            3
        ];
        let outcomes = [
            Outcome::measured(&ROW, &Samples::from(pairs)),
            Outcome::measured(&ROW, &Samples::default()),
            Outcome::Missing("root & systemd".into()),
            Outcome::Failed("no <instance>".into()),
        ];
        let rows = outcomes.map(|outcome| Shown::new(&ROW, outcome)).into();
        let page = html(&Report::new(rows, 3));
        assert!(page.contains("0 of 2 budgets met, 1 row failed"), "{page}");
        assert_eq!(page.matches("<circle").count(), 3);
        for text in [
            "&lt;nobody&gt;",
            "root &amp; systemd",
            "no &lt;instance&gt;",
            "0.900",
            "&gt;= 0.97",
        ] {
            assert!(page.contains(text), "{text}: {page}");
        }
        assert!(!page.contains("<script") && !page.contains("http"));
    }
}
