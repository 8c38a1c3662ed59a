//! The words of a command.

use std::fmt;

use serde::de::{self, Deserializer, SeqAccess, Visitor};

/// A command in the two forms that EB allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// A line for a shell.
    Line(String),
    /// A program and its arguments.
    List(Vec<String>),
}

impl Default for Words {
    fn default() -> Self {
        Self::Line(String::new())
    }
}

/// Reads a command: a line for a shell, or a program and its arguments.
pub(super) fn either<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Words, D::Error> {
    deserializer.deserialize_any(WordsVisitor)
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a command, or a list of a program and its arguments")
    }

    fn visit_str<E: de::Error>(self, line: &str) -> Result<Words, E> {
        Ok(Words::Line(line.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = list.next_element()? {
            words.push(word);
        }
        Ok(Words::List(words))
    }
}
