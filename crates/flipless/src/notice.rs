//! What the library has to say: a line on standard error, which systemd passes to the journal.

use std::fmt::Display;
use std::io::Write;

/// Says one line. A closed standard error is no reason to stop serving, so `eprintln!` won't do.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "flipless: {line}");
}
