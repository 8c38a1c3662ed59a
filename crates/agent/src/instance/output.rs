//! The output of the agent: the result on standard output, progress on standard error.

use std::io::Write;

use anyhow::Result;

/// Writes the result of a command to standard output. Nothing else writes there.
pub fn result(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// Reports progress, for EB's hook log or the journal.
pub fn say(line: &str) {
    eprintln!("flipless: {line}");
}

/// Escapes the control characters in a text from the server or from another program. So the text can't move a
/// terminal's cursor or look like another line.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => plain.push(character),
            _ if character.is_control() || changes_direction(character) => {
                plain.extend(character.escape_unicode());
            }
            _ => plain.push(character),
        }
    }
    plain
}

/// Formats a count for a sentence: `once`, `3 times`.
pub fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        _ => format!("{count} times"),
    }
}

/// Returns whether a character reorders a line (Unicode Standard Annex 9, section 2) or breaks it.
fn changes_direction(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(plain("a\tü\u{1b}[2J\r\n"), "a\tü\\u{1b}[2J\\u{d}\\u{a}");
        assert_eq!(plain("\u{202e}x\u{85}"), "\\u{202e}x\\u{85}");
    }
}
