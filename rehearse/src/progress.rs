//! Status lines on standard error, in cargo's style.

use anstyle::{AnsiColor, Style};

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default().bold();

/// A status line for progress: `    Building the image bookworm`.
pub fn status(verb: &str, what: impl std::fmt::Display) {
    line(GOOD, verb, what);
}

/// A status line for a failure.
pub fn failure(verb: &str, what: impl std::fmt::Display) {
    line(BAD, verb, what);
}

/// A status line for a warning.
pub fn warning(verb: &str, what: impl std::fmt::Display) {
    line(NOTE, verb, what);
}

fn line(style: Style, verb: &str, what: impl std::fmt::Display) {
    anstream::eprintln!("{style}{verb:>12}{style:#} {what}");
}
