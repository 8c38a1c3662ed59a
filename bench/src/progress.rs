//! Status lines on standard error, in cargo's style.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Prints a status line, such as `   Measuring instructions`.
pub fn status(verb: &str, what: impl Display) {
    anstream::eprintln!("{GOOD}{verb:>12}{GOOD:#} {what}");
}

/// Prints a status line for a failure.
pub fn failure(verb: &str, what: impl Display) {
    anstream::eprintln!("{BAD}{verb:>12}{BAD:#} {what}");
}
