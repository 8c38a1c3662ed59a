//! The tokens of nginx's configuration language, as `ngx_conf_read_token` in nginx's ngx_conf_file.c reads them.

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A word, without its quotes. Its escapes are as written; see [`unescaped`].
    Word(&'a str),
    /// `;`
    End,
    /// `{`
    Open,
    /// `}`
    Close,
}

/// Iterates over the tokens of a text, each with its line (from 1). Ends at a quote that is never closed.
///
/// ```
/// use flipless_settings::nginx::tokens::{Token::*, Tokens};
///
/// let found: Vec<_> = Tokens::of("listen\n80; # x\n").collect();
/// assert_eq!(found, [(Word("listen"), 1), (Word("80"), 2), (End, 2)]);
/// ```
#[derive(Debug)]
pub struct Tokens<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Tokens<'a> {
    /// The tokens of this text.
    pub fn of(text: &'a str) -> Self {
        Self {
            rest: text,
            line: 1,
        }
    }

    /// Skips spaces and comments; `None` at the end of the text.
    fn skip_blanks(&mut self) -> Option<()> {
        loop {
            let blank = self.rest.find(|c| !is_space(c))?;
            self.take(blank);
            if !self.rest.starts_with('#') {
                return Some(());
            }
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.take(end);
        }
    }

    /// Reads up to the same quote; `None` if there is no such quote.
    fn quoted(&mut self, quote: char) -> Option<&'a str> {
        self.take(1);
        let mut escaped = false;
        let end = self.rest.find(|c: char| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        let word = self.take(end);
        self.take(1);
        Some(word)
    }

    /// Reads up to a space, `;` or `{`. The `{` of `${name}` does not count.
    fn plain(&mut self) -> &'a str {
        let mut last = ' ';
        let end = self.rest.find(|c: char| {
            let ends = is_space(c) || c == ';' || (c == '{' && last != '$');
            let escaped = last == '\\';
            last = if escaped { ' ' } else { c };
            ends && !escaped
        });
        self.take(end.unwrap_or(self.rest.len()))
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Token<'a>, usize);

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_blanks()?;
        let line = self.line;
        let first = self.rest.chars().next()?;
        let mark = match first {
            ';' => Token::End,
            '{' => Token::Open,
            '}' => Token::Close,
            '"' | '\'' => return Some((Token::Word(self.quoted(first)?), line)),
            _ => return Some((Token::Word(self.plain()), line)),
        };
        self.take(1);
        Some((mark, line))
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// Returns a word as nginx uses it: a backslash stands for the character behind the backslash.
///
/// ```
/// assert_eq!(flipless_settings::nginx::tokens::unescaped(r"b\;c"), "b;c");
/// ```
pub fn unescaped(word: &str) -> String {
    let mut characters = word.chars();
    let mut plain = String::with_capacity(word.len());
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain
}
