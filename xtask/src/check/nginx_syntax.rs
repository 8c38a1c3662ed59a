//! The nginx configuration of an instance: EB's files, with the bundle's files over them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flipless_settings::nginx::tokens::{Token, Tokens};
use flipless_settings::nginx::{TABLES, glob};
use flipless_settings::stock::NGINX_FILES;

use crate::bundle::Bundle;

/// The folder whose files EB copies over its own configuration.
pub const PIECES: &str = ".platform/nginx/";
/// The most directives that are read. No configuration that a person writes has so many.
const MAX_DIRECTIVES: usize = 100_000;
/// The most comparisons of an `include` with a file. A hostile bundle may have any number of includes and files.
const MAX_COMPARED: usize = 100_000;
/// The most nested blocks, and the most nested includes. A hostile file may nest blocks and includes to any depth.
const MAX_DEPTH: usize = 32;

/// A directive with its arguments.
#[derive(Debug, PartialEq, Eq)]
pub struct Directive {
    /// The file's path below `/etc/nginx`.
    pub file: String,
    /// The name and the arguments, without quotes.
    pub words: Vec<String>,
    /// The line in which it begins.
    pub line: usize,
    /// The number of the block that it opens; 0 if it opens none.
    pub opens: usize,
    /// The blocks around it with their numbers, outermost first.
    pub inside: Vec<(String, usize)>,
}

impl Directive {
    /// The name.
    pub fn name(&self) -> &str {
        &self.words[0]
    }

    /// The innermost block around it.
    pub fn block(&self) -> &str {
        self.inside.last().map_or("", |(name, _)| name)
    }

    /// The file and the line, for messages.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// The directives that nginx reads, in its order.
#[derive(Debug, Default)]
pub struct Configuration {
    /// All directives, also those of EB's own files.
    pub directives: Vec<Directive>,
    /// The files of the bundle that nginx reads.
    files: BTreeSet<String>,
    blocks: usize,
    compared: usize,
    depth: usize,
}

type Files<'a> = BTreeMap<&'a str, Cow<'a, str>>;

impl Configuration {
    /// Reads nginx.conf and every file that it includes. If nginx would refuse a file, the directives before the
    /// fault are read.
    pub fn of(bundle: &Bundle) -> Self {
        let mut files: Files = NGINX_FILES
            .iter()
            .map(|(path, text)| (*path, Cow::Borrowed(*text)))
            .collect();
        files.extend(pieces(bundle));
        let mut found = Self::default();
        found.read("nginx.conf", &files, &mut Vec::new());
        let ours: BTreeSet<&str> = pieces(bundle).map(|(path, _)| path).collect();
        found.files.retain(|path| ours.contains(path.as_str()));
        found
    }

    /// The directives of the bundle's own files.
    pub fn of_bundle(&self) -> impl Iterator<Item = &Directive> {
        let directives = self.directives.iter();
        directives.filter(|directive| self.files.contains(&directive.file))
    }

    /// Whether there are more directives than were read.
    pub fn is_cut(&self) -> bool {
        self.directives.len() > MAX_DIRECTIVES
    }

    fn read(&mut self, path: &str, files: &Files, inside: &mut Vec<(String, usize)>) {
        // nginx reads a file as often as it is included. Here it is enough to read the file once, and this also ends a
        // circle of includes.
        let Some(text) = files.get(path).filter(|_| self.files.insert(path.into())) else {
            return;
        };
        let depth = inside.len();
        let (mut words, mut line) = (Vec::new(), 1);
        for (token, at) in Tokens::of(text) {
            match token {
                // The lines of a table, such as a `map`, are not directives, and open no block (ngx_conf_parse).
                Token::Word(_) | Token::End | Token::Open if in_values(inside) => {}
                Token::Word(word) => {
                    line = if words.is_empty() { at } else { line };
                    words.push(word.to_owned());
                }
                Token::Close => drop((inside.len() > depth).then(|| inside.pop())),
                Token::End | Token::Open => {
                    let words = std::mem::take(&mut words);
                    let opens = matches!(token, Token::Open);
                    self.add((path, line), words, opens, files, inside);
                }
            }
            if inside.len() > MAX_DEPTH || self.is_cut() {
                break;
            }
        }
        inside.truncate(depth);
    }

    /// Adds a directive. If it opens a block, the directives after it are inside; if it is an `include`, reads the
    /// files.
    fn add(
        &mut self,
        (path, line): (&str, usize),
        words: Vec<String>,
        opens: bool,
        files: &Files,
        inside: &mut Vec<(String, usize)>,
    ) {
        let name = words.first().cloned().unwrap_or_default();
        let argument = words.get(1).cloned();
        self.blocks += usize::from(opens);
        if !name.is_empty() {
            self.directives.push(Directive {
                file: path.into(),
                words,
                line,
                opens: if opens { self.blocks } else { 0 },
                inside: inside.clone(),
            });
        }
        if opens {
            inside.push((name, self.blocks));
        } else if name == "include"
            && let Some(pattern) = argument
            && self.compared < MAX_COMPARED
            && self.depth < MAX_DEPTH
        {
            self.compared += files.len();
            self.depth += 1;
            for path in files.keys().filter(|path| is_included(&pattern, path)) {
                self.read(path, files, inside);
            }
            self.depth -= 1;
        }
    }
}

fn in_values(inside: &[(String, usize)]) -> bool {
    let block = inside.last().map(|(name, _)| name.as_str());
    block.is_some_and(|block| TABLES.contains(&block))
}

/// The bundle's files, by their path below `/etc/nginx`.
fn pieces(bundle: &Bundle) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    bundle.entries.iter().filter_map(|entry| {
        let path = entry.name.strip_prefix(PIECES)?;
        Some((path, String::from_utf8_lossy(entry.text()?)))
    })
}

/// Whether an `include` reads the file of this path below `/etc/nginx`.
fn is_included(pattern: &str, path: &str) -> bool {
    let folder = Path::new("/etc/nginx");
    glob::matches(&folder.join(pattern), &folder.join(path))
}

#[cfg(test)]
mod tests;
