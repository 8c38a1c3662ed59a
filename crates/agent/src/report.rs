//! The report of an error. EB shows the last 50 lines of a failed hook
//! (<https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/platforms-linux-extend.html>), so the reason and the
//! hint come last, after the lines of the server or of nginx that belong to the error.

use std::fmt::Write;

use anyhow::Error;

use crate::hint;
use crate::instance::output::plain;

/// How many lines of other programs the report quotes at most. It quotes the newest lines.
const QUOTED_LINES: usize = 30;
/// How many characters of a quoted line the report shows.
const QUOTED_CHARACTERS: usize = 400;

/// Describes an error: first the quoted lines of other programs, then one line for the failure, one line for each
/// cause, and the hint.
pub fn describe(error: &Error) -> String {
    let (mut quoted, mut heads) = (Vec::new(), Vec::new());
    for cause in error.chain() {
        let text = cause.to_string();
        let mut lines = text.lines();
        heads.push(plain(
            lines.next().unwrap_or_default().trim_end_matches(':'),
        ));
        quoted.extend(lines.filter(|line| !line.trim().is_empty()).map(quote));
    }
    let mut text = String::new();
    if quoted.len() > QUOTED_LINES {
        let _ = writeln!(text, "  | … {} earlier lines", quoted.len() - QUOTED_LINES);
    }
    for line in quoted.iter().rev().take(QUOTED_LINES).rev() {
        let _ = writeln!(text, "  | {line}");
    }
    for (number, head) in heads.iter().enumerate() {
        let label = if number == 0 { "error" } else { "  caused by" };
        let _ = writeln!(text, "{label}: {head}");
    }
    if let Some(hint) = hint::of(error) {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

fn quote(line: &str) -> String {
    let mut line = plain(line.trim_end());
    if let Some((end, _)) = line.char_indices().nth(QUOTED_CHARACTERS) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn the_reason_comes_after_the_lines_that_belong_to_it() {
        let error = anyhow!("the server wrote:\none\n\n\u{1b}[31mtwo").context("it did not start");
        let expected =
            "  | one\n  | \\u{1b}[31mtwo\nerror: it did not start\n  caused by: the server wrote\n";
        assert_eq!(describe(&error), expected);
    }

    #[test]
    fn the_whole_report_is_within_the_lines_that_eb_shows() {
        let long = "x".repeat(5000);
        let lines: Vec<String> = (0..200).map(|number| format!("{number} {long}")).collect();
        let cause = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = Error::new(cause).context(format!("its last lines:\n{}", lines.join("\n")));
        let text = describe(&error);
        assert!(text.lines().count() <= 50, "{}", text.lines().count());
        assert!(text.contains("  | 199 x") && text.contains("170 earlier lines"));
        assert!(text.lines().all(|line| line.chars().count() < 500));
        assert!(
            text.lines()
                .last()
                .is_some_and(|line| line.starts_with("hint: "))
        );
    }
}
