//! What the agent writes: the result to standard output, progress to standard error.

use std::io::Write;

use anyhow::Result;

/// Writes the result of a command, and nothing else, to standard output.
pub fn result(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// Reports progress, for EB's hook log or the journal.
pub fn say(line: &str) {
    eprintln!("flipless: {line}");
}
