//! The patterns of nginx's `include`, as glob(7) describes them.

use std::path::{Component, Path, PathBuf};

/// Returns whether nginx takes this path of an `include` for a pattern (ngx_conf_include).
pub fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(WILDCARDS)
}

const WILDCARDS: [char; 3] = ['*', '?', '['];

/// Splits a pattern: returns the folder in front of the first part with a wildcard, and the number of parts behind
/// that folder.
pub fn split(pattern: &Path) -> (PathBuf, usize) {
    let is_plain = |part: &Component| !part.as_os_str().to_string_lossy().contains(WILDCARDS);
    let folder: PathBuf = pattern.components().take_while(is_plain).collect();
    let depth = pattern.components().count() - folder.components().count();
    (folder, depth)
}

/// Returns whether a path matches a pattern. No wildcard matches a slash, or a dot at the beginning of a name.
pub fn matches(pattern: &Path, path: &Path) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.iter().collect(), path.iter().collect());
    let same = |(pattern, part): (&&std::ffi::OsStr, &&std::ffi::OsStr)| {
        let (pattern, part) = (pattern.to_string_lossy(), part.to_string_lossy());
        let hidden = part.starts_with('.') && pattern.starts_with(WILDCARDS);
        !hidden && part_matches(&pattern, &part)
    };
    pattern.len() == path.len() && pattern.iter().zip(&path).all(same)
}

fn part_matches(pattern: &str, part: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return part.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    let character = part.chars().next();
    let behind = |rest: &str| {
        let behind = character.map(|character| &part[character.len_utf8()..]);
        behind.is_some_and(|part| part_matches(rest, part))
    };
    match (first, set(rest)) {
        ('*', _) => {
            let mut ends = part.char_indices().map(|(at, _)| at).chain([part.len()]);
            ends.any(|at| part_matches(rest, &part[at..]))
        }
        ('?', _) => behind(rest),
        ('[', Some((set, rest))) => {
            character.is_some_and(|character| is_in(set, character)) && behind(rest)
        }
        _ => character == Some(first) && behind(rest),
    }
}

/// Returns the inside of a set, and the pattern behind it. A `]` at the beginning of a set belongs to it.
fn set(pattern: &str) -> Option<(&str, &str)> {
    let start = pattern.len() - pattern.trim_start_matches(['!', '^']).len();
    let first = pattern[start..].chars().next()?.len_utf8();
    let end = start + first + pattern[start + first..].find(']')?;
    Some((&pattern[..end], &pattern[end + 1..]))
}

fn is_in(set: &str, character: char) -> bool {
    let inside = set.trim_start_matches(['!', '^']);
    let is_negated = inside.len() < set.len();
    let members: Vec<char> = inside.chars().collect();
    let mut rest = members.as_slice();
    let mut found = false;
    while let [first, behind @ ..] = rest {
        let (last, behind) = match behind {
            ['-', last, behind @ ..] => (last, behind),
            _ => (first, behind),
        };
        found |= (*first..=*last).contains(&character);
        rest = behind;
    }
    found != is_negated
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
            ("/e/*.conf", "/e/.a.conf", false),
            ("/e/.*.conf", "/e/.a.conf", true),
            ("/*/a?.conf", "/e/ab.conf", true),
            ("/e/[a-c]x", "/e/bx", true),
            ("/e/[a-c]x", "/e/dx", false),
            ("/e/[!_]*", "/e/_x", false),
            ("/e/[!_]*", "/e/x", true),
            ("/e/[]a]", "/e/]", true),
            ("/e/[a", "/e/[a", true),
            ("/e/ä*", "/e/äö", true),
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
}
