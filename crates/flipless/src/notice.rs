//! The library's messages: lines on standard error, which systemd passes to the journal.

use std::fmt::Display;
use std::io::Write;

/// Prints one line. Ignores an error; `eprintln!` would panic if standard error is closed.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "flipless: {line}");
}
