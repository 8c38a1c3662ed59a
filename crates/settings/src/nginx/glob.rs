//! The patterns of nginx's `include`. nginx calls glob(3) without flags (ngx_open_glob in ngx_files.c), and stays in the
//! C locale, so that a character is a byte.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

mod set;

/// The longest name of a file, and the longest path (NAME_MAX and PATH_MAX of Linux).
const LONGEST_NAME: usize = 255;
const LONGEST_PATH: usize = 4096;

/// Returns whether nginx treats this path of an `include` as a pattern (ngx_conf_include).
pub fn is_pattern(path: &Path) -> bool {
    has_wildcard(path.as_os_str())
}

fn has_wildcard(part: &OsStr) -> bool {
    part.as_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// Splits a pattern: returns the folder in front of the first part with a wildcard, and the number of parts behind
/// that folder.
pub fn split(pattern: &Path) -> (PathBuf, usize) {
    let is_plain = |part: &Component| !has_wildcard(part.as_os_str());
    let folder: PathBuf = pattern.components().take_while(is_plain).collect();
    let depth = pattern.components().count() - folder.components().count();
    (folder, depth)
}

/// Returns whether nginx reads this file for the path or pattern of an `include`. No wildcard matches a slash, or a
/// dot at the beginning of a name.
///
/// ```
/// use std::path::Path;
/// use flipless_settings::nginx::glob::matches;
/// assert!(matches(Path::new("conf.d/*.conf"), Path::new("conf.d/shop.conf")));
/// assert!(!matches(Path::new("conf.d/*.conf"), Path::new("conf.d/.shop.conf")));
/// ```
pub fn matches(pattern: &Path, path: &Path) -> bool {
    if !is_pattern(pattern) {
        return pattern == path;
    }
    let is_long = pattern.as_os_str().len() > LONGEST_PATH;
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.iter().collect(), path.iter().collect());
    let pairs = pattern.iter().zip(&path);
    let mut pairs = pairs.map(|(pattern, part)| (pattern.as_bytes(), part.as_bytes()));
    !is_long && pattern.len() == path.len() && pairs.all(|(pattern, part)| is_part(pattern, part))
}

/// Whether a name matches a part of a pattern.
fn is_part(pattern: &[u8], name: &[u8]) -> bool {
    let is_hidden =
        name.starts_with(b".") && !pattern.starts_with(b".") && !pattern.starts_with(b"\\.");
    !is_hidden && name.len() <= LONGEST_NAME && name_matches(pattern, name)
}

/// One element of a pattern.
enum Element<'a> {
    Any,
    One,
    Byte(u8),
    Set(&'a [u8]),
}

/// Returns whether a name matches. After a mismatch, only the last `*` takes one more byte. There is no recursion,
/// because a hostile pattern can have any number of `*`.
fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (next(pattern), name.split_first()) {
            (None, None) => return true,
            (Some((Element::Any, rest)), _) => {
                retry = Some((rest, name));
                pattern = rest;
            }
            (Some((element, rest)), Some((byte, behind))) if is_one(&element, *byte) => {
                (pattern, name) = (rest, behind);
            }
            _ => match retry {
                Some((rest, [_, behind @ ..])) => {
                    retry = Some((rest, behind));
                    (pattern, name) = (rest, behind);
                }
                _ => return false,
            },
        }
    }
}

fn is_one(element: &Element, byte: u8) -> bool {
    match element {
        Element::Any => false,
        Element::One => true,
        Element::Byte(wanted) => *wanted == byte,
        Element::Set(set) => set::contains(set, byte),
    }
}

/// Returns the first element of a pattern, and the rest. A `[` without its `]` stands for itself, and so does the byte
/// after a backslash.
fn next(pattern: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (first, rest) = pattern.split_first()?;
    Some(match first {
        b'*' => (Element::Any, rest),
        b'?' => (Element::One, rest),
        b'[' => match set::split(rest) {
            Some((set, rest)) => (Element::Set(set), rest),
            None => (Element::Byte(b'['), rest),
        },
        b'\\' => match rest.split_first() {
            Some((byte, rest)) => (Element::Byte(*byte), rest),
            None => (Element::Byte(b'\\'), rest),
        },
        byte => (Element::Byte(*byte), rest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_glob() {
        for (pattern, path, expected) in [
            ("/e/*.conf", "/e/a.conf", true),
            ("/e/*.conf", "/e/a.conf.bak", false),
            ("/e/*.conf", "/e/deep/a.conf", false),
            ("/e/**/a.conf", "/e/x/y/a.conf", false),
            ("/e/{a,b}*", "/e/a.conf", false),
            ("/e/{a,b}*", "/e/{a,b}.conf", true),
            ("/e/*.conf", "/e/.a.conf", false),
            ("/e/[.]*.conf", "/e/.a.conf", false),
            ("/e/?a*", "/e/.a.conf", false),
            ("/e/.*.conf", "/e/.a.conf", true),
            ("/e/\\.*.conf", "/e/.a.conf", true),
            ("/*/a?.conf", "/e/ab.conf", true),
            ("/e//./*.conf", "/e/a.conf", true),
            ("/e/a.conf", "/e/a.conf", true),
            ("/e/a\\b", "/e/a\\b", true),
            ("/e/ä*", "/e/äö", true),
            ("/e/ä?", "/e/äö", false),
        ] {
            let found = matches(Path::new(pattern), Path::new(path));
            assert_eq!(found, expected, "{pattern} {path}");
        }
    }

    #[test]
    fn the_folder_of_a_pattern_ends_before_the_first_wildcard() {
        let (folder, depth) = split(Path::new("/etc/live/*/a.conf"));
        assert_eq!((folder.as_path(), depth), (Path::new("/etc/live"), 2));
    }

    #[test]
    fn a_hostile_pattern_is_no_work() {
        let (pattern, name) = ("*a".repeat(2000) + "b", "a".repeat(255));
        assert!(!matches(Path::new(&pattern), Path::new(&name)));
        assert!(!matches(Path::new(&"*".repeat(5000)), Path::new("a")));
    }
}
