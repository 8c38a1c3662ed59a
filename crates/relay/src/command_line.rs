//! The relay's command line: `[NAME=VALUE]… PROGRAM [ARGUMENT]…`, like that of env(1).

use std::ffi::OsString;

use flipless_settings::placeholder;

/// The server to start.
#[derive(Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// Variables that tell the server its port.
    variables: Vec<OsString>,
    /// The server's executable.
    pub program: OsString,
    arguments: Vec<OsString>,
}

impl CommandLine {
    /// Reads the words after the relay's own name; `None` without a program.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut words = words.into_iter().peekable();
        let mut variables = Vec::new();
        while let Some(word) = words.next_if(|word| variable(word).is_some()) {
            variables.push(word);
        }
        Some(Self {
            variables,
            program: words.next()?,
            arguments: words.collect(),
        })
    }

    /// Returns the server's arguments for this port.
    pub fn arguments(&self, port: &str) -> Vec<OsString> {
        let words = self.arguments.iter();
        words.map(|word| fill(word, port)).collect()
    }

    /// Returns the names and values of the server's variables for this port.
    pub fn variables(&self, port: &str) -> Vec<(String, String)> {
        let pairs = self.variables.iter().filter_map(variable);
        let filled = pairs.map(|(name, value)| (name.to_owned(), placeholder::fill(value, port)));
        filled.collect()
    }
}

/// Splits `NAME=VALUE`. Returns `None` for the path of the server, which is always absolute in the unit.
fn variable(word: &OsString) -> Option<(&str, &str)> {
    let (name, value) = word.to_str()?.split_once('=')?;
    (!name.contains('/')).then_some((name, value))
}

/// Fills in the port. Leaves a word that is not UTF-8 as it is, even if it contains the placeholder.
fn fill(word: &OsString, port: &str) -> OsString {
    let filled = word
        .to_str()
        .map(|text| placeholder::fill(text, port).into());
    filled.unwrap_or_else(|| word.clone())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Option<CommandLine> {
        CommandLine::read(words.iter().map(OsString::from))
    }

    #[test]
    fn variables_precede_the_program_and_all_words_get_the_port() {
        let line = read(&[
            "HTTP_PORT={port}",
            "URL=http://127.0.0.1:{port}/?a=b",
            "/srv/a=b/shop",
            "--port={port}",
            "A={port}",
            "{{port}}",
            "{\"port\":{port}}",
            "{ports} {} %p $PORT",
        ]);
        let line = line.unwrap();
        assert_eq!(line.program, "/srv/a=b/shop");
        let expected = [("HTTP_PORT", "5001"), ("URL", "http://127.0.0.1:5001/?a=b")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(line.variables("5001"), expected);
        assert_eq!(
            line.arguments("5001"),
            [
                "--port=5001",
                "A=5001",
                "{port}",
                "{\"port\":5001}",
                "{ports} {} %p $PORT"
            ]
        );
    }

    #[test]
    fn a_line_without_a_program_is_none() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["HTTP_PORT={port}"]), None);
    }

    #[test]
    fn a_word_that_is_no_text_stays_as_it_is() {
        use std::os::unix::ffi::OsStringExt;
        let word = OsString::from_vec(b"\xff{port}".to_vec());
        let line = CommandLine::read(["/srv/shop".into(), word.clone()]);
        assert_eq!(line.unwrap().arguments("5001"), [word]);
    }
}
