//! Parses nginx's configuration language in the way of `ngx_conf_read_token`, as far as the directives need it.

use crate::bundle::Bundle;

/// The folder whose files EB copies over its own configuration.
pub const PIECES: &str = ".platform/nginx/";

/// A directive with its arguments.
#[derive(Debug, PartialEq, Eq)]
pub struct Directive {
    /// The name and the arguments, without quotes.
    pub words: Vec<String>,
    /// The line in which it begins.
    pub line: usize,
    /// The blocks around it in this file, outermost first.
    pub inside: Vec<String>,
}

/// The bundle's files that nginx includes, by their path below `/etc/nginx`.
pub fn files(bundle: &Bundle) -> impl Iterator<Item = (&str, Vec<Directive>)> {
    bundle.entries.iter().filter_map(|entry| {
        let path = entry.name.strip_prefix(PIECES)?;
        let text = String::from_utf8_lossy(entry.text()?);
        path.ends_with(".conf").then(|| (path, parse(&text)))
    })
}

enum Token {
    Word(String),
    End,
    Open,
    Close,
}

/// The directives of a file. If nginx would refuse the file, these are the directives before the fault.
pub fn parse(text: &str) -> Vec<Directive> {
    let mut reader = Reader { text, line: 1 };
    let (mut directives, mut inside) = (Vec::new(), Vec::new());
    let (mut words, mut line) = (Vec::new(), 1);
    while let Some((token, at)) = reader.token() {
        match token {
            Token::Word(word) => {
                if words.is_empty() {
                    line = at;
                }
                words.push(word);
            }
            Token::Close => drop(inside.pop()),
            Token::End | Token::Open => {
                let name = words.first().cloned().unwrap_or_default();
                if !name.is_empty() {
                    directives.push(Directive {
                        words: std::mem::take(&mut words),
                        line,
                        inside: inside.clone(),
                    });
                }
                if matches!(token, Token::Open) {
                    inside.push(name);
                }
            }
        }
        if inside.len() > MAX_DEPTH {
            break;
        }
    }
    directives
}

/// The most nested blocks. A hostile file may have any number.
const MAX_DEPTH: usize = 32;

/// A reader of the rest of a file.
struct Reader<'a> {
    text: &'a str,
    line: usize,
}

impl Reader<'_> {
    /// The next token, and its line.
    fn token(&mut self) -> Option<(Token, usize)> {
        loop {
            let blank = self.text.find(|c: char| !c.is_whitespace())?;
            self.skip(blank);
            if !self.text.starts_with('#') {
                break;
            }
            let end = self.text.find('\n').unwrap_or(self.text.len());
            self.skip(end);
        }
        let line = self.line;
        let first = self.text.chars().next()?;
        let mark = match first {
            ';' => Some(Token::End),
            '{' => Some(Token::Open),
            '}' => Some(Token::Close),
            _ => None,
        };
        if let Some(mark) = mark {
            self.skip(1);
            return Some((mark, line));
        }
        let word = match first {
            '"' | '\'' => self.quoted(first)?,
            _ => self.plain(),
        };
        Some((Token::Word(word), line))
    }

    /// Reads up to the same quote; `None` if there is no such quote.
    fn quoted(&mut self, quote: char) -> Option<String> {
        self.skip(1);
        let mut escaped = false;
        let end = self.text.find(|c: char| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        let word = self.text[..end].to_owned();
        self.skip(end + 1);
        Some(word)
    }

    /// Reads up to a space, `;` or `{`. The `{` of `${name}` does not count.
    fn plain(&mut self) -> String {
        let mut last = ' ';
        let end = self.text.find(|c: char| {
            let ends = c.is_whitespace() || c == ';' || (c == '{' && last != '$');
            let escaped = last == '\\';
            last = if escaped { ' ' } else { c };
            ends && !escaped
        });
        let end = end.unwrap_or(self.text.len());
        let word = self.text[..end].to_owned();
        self.skip(end);
        word
    }

    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.text.split_at(bytes);
        self.line += skipped.matches('\n').count();
        self.text = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_blocks_and_lines_are_parsed_as_nginx_does() {
        let text = "# x;\nserver { listen 80; # }\n location ~ \"a{2};\" {\n set $a '${b}\\'c'; }\n}\nlog_format x a\n b${c}d;\n";
        let found = parse(text);
        let shown: Vec<_> = found
            .iter()
            .map(|one| (one.words.join("|"), one.line, one.inside.join("/")))
            .collect();
        let expected = [
            ("server", 2, ""),
            ("listen|80", 2, "server"),
            ("location|~|a{2};", 3, "server"),
            ("set|$a|${b}\\'c", 4, "server/location"),
            ("log_format|x|a|b${c}d", 6, ""),
        ];
        let expected = expected.map(|(words, line, inside)| (words.into(), line, inside.into()));
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_fault_ends_the_parsing_of_the_file() {
        for text in ["", "}", "a", "a \"b", "\\", "{", "}}};", "a{b{", "é${"] {
            parse(text);
        }
        assert_eq!(parse("gzip on; a \"b").len(), 1);
        assert_eq!(parse(&"a{".repeat(100_000)).len(), MAX_DEPTH + 1);
    }
}
