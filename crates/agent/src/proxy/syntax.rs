//! nginx's configuration as a tree of directives.

use flipless_settings::nginx::tokens::{Token, Tokens, unescaped};

/// One directive: its words, and the directives of its block. A simple directive has an empty block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directive {
    pub words: Vec<String>,
    pub block: Vec<Directive>,
}

impl Directive {
    /// Returns the first word.
    pub fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Returns the words after the first one.
    pub fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }
}

/// Returns these directives and all directives in their blocks. Each directive comes before those of its block.
pub fn all(directives: &[Directive]) -> Vec<&Directive> {
    let with_block = |directive| {
        let Directive { block, .. }: &Directive = directive;
        std::iter::once(directive).chain(all(block))
    };
    directives.iter().flat_map(with_block).collect()
}

/// Returns every directive of a text that nginx accepts. For any other text the result is arbitrary. In that case nginx
/// itself reports the error.
pub fn parse(text: &str) -> Vec<Directive> {
    let mut open = vec![Directive::default()];
    let mut words = Vec::new();
    for (token, _) in Tokens::of(text) {
        match token {
            Token::Word(word) => words.push(unescaped(word)),
            Token::End => add(&mut open, leaf(&mut words)),
            Token::Open => open.push(leaf(&mut words)),
            Token::Close => {
                words.clear();
                close(&mut open);
            }
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    open.pop().unwrap_or_default().block
}

fn leaf(words: &mut Vec<String>) -> Directive {
    Directive {
        words: std::mem::take(words),
        block: Vec::new(),
    }
}

fn add(open: &mut [Directive], directive: Directive) {
    if let Some(above) = open.last_mut() {
        above.block.push(directive);
    }
}

fn close(open: &mut Vec<Directive>) {
    // The first entry of `open` stands for the whole text, and is never closed.
    if open.len() > 1
        && let Some(block) = open.pop()
    {
        add(open, block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        parse(text).into_iter().map(|found| found.words).collect()
    }

    #[test]
    fn words_are_read_as_nginx_reads_them() {
        for (text, expected) in [
            ("listen 80;", vec![vec!["listen", "80"]]),
            (
                "a 'b c' \"d;{\";#x;\nb;",
                vec![vec!["a", "b c", "d;{"], vec!["b"]],
            ),
            ("a x#y;", vec![vec!["a", "x#y"]]),
            ("a b\\;c;", vec![vec!["a", "b;c"]]),
            ("set $x ${y}z;", vec![vec!["set", "$x", "${y}z"]]),
            ("a \"it\\\"s\";", vec![vec!["a", "it\"s"]]),
            ("a\n\tb\r\n;", vec![vec!["a", "b"]]),
            ("# listen 1;", vec![]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn blocks_hold_their_directives() {
        let parsed = parse("http { server { listen 80; } if ($a) { b; } } events{}");
        assert_eq!(parsed.len(), 2);
        assert_eq!(parsed[0].block[0].block[0].words, ["listen", "80"]);
        assert_eq!(parsed[0].block[1].words, ["if", "($a)"]);
        assert_eq!(parsed[1].name(), "events");
    }

    proptest::proptest! {
        /// The parser ends without a panic for any text, even with deep blocks.
        #[test]
        fn any_text_is_read(text in "[a-z $#'\"\\\\;{}\n]{0,200}") {
            parse(&text);
        }

        /// A quoted word is parsed to the same word.
        #[test]
        fn a_quoted_word_is_unchanged(word in "[a-z ;{}#$']{0,20}") {
            let found = words(&format!("a \"{word}\";"));
            proptest::prop_assert_eq!(found, vec![vec!["a".to_owned(), word]]);
        }
    }
}
