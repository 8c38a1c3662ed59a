//! The directives of the bundle's nginx configuration, each with its line.

use flipless_settings::nginx::tokens::{Token, Tokens};

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

/// The directives of a file. If nginx would refuse the file, these are the directives before the fault.
pub fn parse(text: &str) -> Vec<Directive> {
    let (mut directives, mut inside) = (Vec::new(), Vec::new());
    let (mut words, mut line) = (Vec::new(), 1);
    for (token, at) in Tokens::of(text) {
        match token {
            Token::Word(word) => {
                if words.is_empty() {
                    line = at;
                }
                words.push(word.to_owned());
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
