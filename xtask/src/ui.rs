//! Messages for people, all on standard error. anstream removes colour if `NO_COLOR` is set or the output is a pipe.

use std::fmt::Display;
use std::time::Duration;

use anstream::eprintln;
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

const VERB: Style = AnsiColor::Green.on_default().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// The most characters that [`printable`] keeps of one text.
const MOST_OF_ONE: usize = 500;

/// An error with hints.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Advised {
    message: String,
    hints: Vec<String>,
}

/// Returns an error with `hint:` lines after it.
pub fn advised<H: Into<String>>(
    message: impl Into<String>,
    hints: impl IntoIterator<Item = H>,
) -> anyhow::Error {
    let hints = hints.into_iter().map(Into::into).collect();
    let message = message.into();
    Advised { message, hints }.into()
}

/// Prints a status line in cargo's style: a right-aligned verb of 12 columns, and a message.
pub fn status(verb: &str, message: impl Display) {
    eprintln!("{VERB}{verb:>12}{VERB:#} {message}");
}

/// Prints a status line in red, for a step that has failed while other steps continue.
pub fn failed(verb: &str, message: impl Display) {
    eprintln!("{ERROR}{verb:>12}{ERROR:#} {message}");
}

/// Prints a status line in yellow, for a step that was skipped.
pub fn skipped(verb: &str, message: impl Display) {
    eprintln!("{WARNING}{verb:>12}{WARNING:#} {message}");
}

/// Prints a warning: the task continues, but a person should know about something.
pub fn warning(message: impl Display) {
    eprintln!("{WARNING}warning{WARNING:#}: {message}");
}

/// Prints a hint, which says what to do next.
pub fn hint(message: impl Display) {
    eprintln!("{HINT}hint{HINT:#}: {message}");
}

/// Prints the error, its causes, and the hints of all of them.
pub fn error(error: &anyhow::Error) {
    eprintln!("{ERROR}error{ERROR:#}: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  caused by: {cause}");
    }
    let advice = error.chain().filter_map(|cause| cause.downcast_ref());
    for Advised { hints, .. } in advice {
        hints.iter().for_each(hint);
    }
}

/// Returns a progress bar for `bytes` of work. The bar appears only on a terminal.
pub fn bytes_bar(verb: &'static str, bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix:>12.green.bold} [{bar:27}] {bytes}/{total_bytes} {wide_msg}",
    );
    let bar = ProgressBar::new(bytes).with_prefix(verb);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Formats a time: `1.4 s`, `2 min 5 s`.
pub fn duration(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 60.. => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// Formats a size: `812 B`, `1.3 MiB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// Escapes control characters, because the names in a zip must not control the terminal. Shortens a long text.
pub fn printable(text: &str) -> String {
    let steers = |c: char| c.is_control() || ('\u{200e}'..='\u{202e}').contains(&c);
    let shown = |c: char| match steers(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(MOST_OF_ONE).map(shown).collect();
    shown.extend(chars.next().map(|_| '…'));
    shown
}
