//! Reads a file for `EnvironmentFile=` as systemd 252 does (parse_env_file_internal in its env-file.c).

use anyhow::{Result, bail};

use super::file::{Environment, is_name, is_noncharacter};

/// Returns the variables that systemd takes from the file. systemd drops a line whose name it does not accept.
///
/// # Errors
/// If systemd refuses the whole file: for NUL, and for a name or value that is not UTF-8. The error contains no
/// value.
pub(super) fn read(content: &[u8]) -> Result<Environment> {
    if content.contains(&0) {
        bail!("the file contains NUL");
    }
    let mut reader = Reader::default();
    for byte in content {
        reader.step(*byte);
    }
    reader.end();
    let mut environment = Environment::new();
    for (name, value) in reader.pairs {
        let unusable = |text: &str| text.chars().any(is_noncharacter);
        match (String::from_utf8(name), String::from_utf8(value)) {
            (Ok(name), Ok(value)) if !unusable(&name) && !unusable(&value) => {
                environment.insert(name, value);
            }
            (Ok(name), _) => bail!("the name or the value of the variable {name:?} is not UTF-8"),
            (Err(_), _) => bail!("a name is not UTF-8"),
        }
    }
    environment.retain(|name, _| is_name(name));
    Ok(environment)
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    BeforeName,
    Name,
    BeforeValue,
    Value,
    ValueEscape,
    SingleQuotes,
    DoubleQuotes,
    DoubleQuotesEscape,
    Comment,
    CommentEscape,
}

#[derive(Default)]
struct Reader {
    place: Place,
    name: Vec<u8>,
    value: Vec<u8>,
    /// The length of the value if the line ends here. White space at the end of a value does not count, unless it is
    /// quoted or escaped.
    kept: usize,
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Reader {
    fn step(&mut self, byte: u8) {
        match self.place {
            Place::BeforeName if b"#;".contains(&byte) => self.place = Place::Comment,
            Place::BeforeName if is_space(byte) => {}
            Place::BeforeName => {
                self.name = vec![byte];
                self.place = Place::Name;
            }
            Place::Name if is_line_end(byte) => self.place = Place::BeforeName,
            Place::Name if byte == b'=' => self.place = Place::BeforeValue,
            Place::Name => self.name.push(byte),
            Place::BeforeValue | Place::Value if is_line_end(byte) => self.end(),
            Place::BeforeValue => self.begin_value(byte),
            Place::Value => self.in_value(byte),
            Place::ValueEscape => {
                // An escaped line end is dropped. Any other escaped character stays.
                self.value.extend((!is_line_end(byte)).then_some(byte));
                self.kept = self.value.len();
                self.place = Place::Value;
            }
            Place::SingleQuotes if byte == b'\'' => self.place = Place::BeforeValue,
            Place::DoubleQuotes if byte == b'"' => self.place = Place::BeforeValue,
            Place::DoubleQuotes if byte == b'\\' => self.place = Place::DoubleQuotesEscape,
            Place::SingleQuotes | Place::DoubleQuotes => self.value.push(byte),
            Place::DoubleQuotesEscape => self.in_quotes_after_backslash(byte),
            Place::Comment if byte == b'\\' => self.place = Place::CommentEscape,
            Place::Comment if is_line_end(byte) => self.place = Place::BeforeName,
            Place::Comment => {}
            Place::CommentEscape => self.place = Place::Comment,
        }
    }

    /// Reads a byte before an unquoted value, or after a quoted part of a value.
    fn begin_value(&mut self, byte: u8) {
        self.place = match byte {
            b'\'' => Place::SingleQuotes,
            b'"' => Place::DoubleQuotes,
            b'\\' => Place::ValueEscape,
            _ if is_space(byte) => Place::BeforeValue,
            _ => {
                self.value.push(byte);
                self.kept = self.value.len();
                Place::Value
            }
        };
    }

    /// Reads a byte of an unquoted value. Quotes have no meaning here.
    fn in_value(&mut self, byte: u8) {
        if byte == b'\\' {
            self.kept = self.value.len();
            self.place = Place::ValueEscape;
            return;
        }
        self.value.push(byte);
        if !is_space(byte) {
            self.kept = self.value.len();
        }
    }

    /// Reads a byte after a backslash in double quotes. Before `"`, `\`, `` ` `` and `$` the backslash is dropped.
    /// Before a line feed, the backslash and the line feed are dropped. Before any other character the backslash stays.
    fn in_quotes_after_backslash(&mut self, byte: u8) {
        match byte {
            b'"' | b'\\' | b'`' | b'$' => self.value.push(byte),
            b'\n' => {}
            _ => self.value.extend([b'\\', byte]),
        }
        self.place = Place::DoubleQuotes;
    }

    /// Ends a line or the file. A line without `=` has no effect.
    fn end(&mut self) {
        if self.place == Place::Value {
            self.value.truncate(self.kept);
        }
        let has_value = !matches!(
            self.place,
            Place::BeforeName | Place::Name | Place::Comment | Place::CommentEscape
        );
        let value = std::mem::take(&mut self.value);
        if has_value {
            let name = self.name.trim_ascii_end().to_vec();
            self.pairs.push((name, value));
        }
        self.place = Place::BeforeName;
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t') || is_line_end(byte)
}
