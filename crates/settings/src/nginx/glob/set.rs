//! The sets of a pattern, such as `[a-c_]`, `[!0-9]` and `[[:alpha:]]` (fnmatch(3), glob(7)).

/// Splits the text behind a `[` into the inside of the set and the rest; `None` if no `]` ends the set. A `]` at the
/// beginning of a set is a member of the set.
pub fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = inside(text).0;
    loop {
        rest = member(rest)?.1;
        if rest.first()? == &b']' {
            let end = text.len() - rest.len();
            return Some((&text[..end], &rest[1..]));
        }
    }
}

/// Returns whether a set contains a byte.
pub fn contains(set: &[u8], byte: u8) -> bool {
    let (mut rest, is_negated) = inside(set);
    let mut found = false;
    while let Some((first, behind)) = member(rest).filter(|_| !found) {
        rest = behind;
        found = match first {
            Member::Class(name) => match is_in_class(name, byte) {
                Some(is_in) => is_in,
                None => return false,
            },
            Member::Byte(first) => match behind.strip_prefix(b"-").and_then(member) {
                Some((Member::Byte(last), behind)) => {
                    rest = behind;
                    (first..=last).contains(&byte)
                }
                _ => first == byte,
            },
        };
    }
    found != is_negated
}

enum Member<'a> {
    Byte(u8),
    Class(&'a [u8]),
}

/// Returns the inside of a set without the negation, and whether the set is negated.
fn inside(set: &[u8]) -> (&[u8], bool) {
    match set {
        [b'!' | b'^', rest @ ..] => (rest, true),
        _ => (set, false),
    }
}

/// Returns the first member of a set, and the rest.
fn member(set: &[u8]) -> Option<(Member<'_>, &[u8])> {
    match set {
        [] | [b'\\'] => None,
        [b'\\', byte, rest @ ..] => Some((Member::Byte(*byte), rest)),
        [b'[', b':', rest @ ..] => match named(rest, b":]") {
            Some((name, rest)) if name.iter().all(u8::is_ascii_lowercase) => {
                Some((Member::Class(name), rest))
            }
            _ => Some((Member::Byte(b'['), &set[1..])),
        },
        // In the C locale, `[.x.]` and `[=x=]` stand for the byte `x`.
        [b'[', mark @ (b'.' | b'='), rest @ ..] => match named(rest, &[*mark, b']']) {
            Some((&[byte], rest)) => Some((Member::Byte(byte), rest)),
            _ => Some((Member::Byte(b'['), &set[1..])),
        },
        [byte, rest @ ..] => Some((Member::Byte(*byte), rest)),
    }
}

fn named<'a>(text: &'a [u8], end: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(end.len()).position(|two| two == end)?;
    Some((&text[..at], &text[at + end.len()..]))
}

/// Returns whether the byte is in the class; `None` for a class that does not exist. With such a class, fnmatch(3)
/// finds no match, even for a negated set.
fn is_in_class(name: &[u8], byte: u8) -> Option<bool> {
    Some(match name {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => byte.is_ascii_uppercase(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_contain_bytes_as_in_glob() {
        for (set, byte, expected) in [
            ("a-c]", b'b', true),
            ("a-c]", b'd', false),
            ("!_]", b'_', false),
            ("^_]", b'x', true),
            ("!^a]", b'^', false),
            ("]a]", b']', true),
            ("!]a]", b']', false),
            ("a-]", b'-', true),
            ("\\]a]", b']', true),
            ("[:digit:]x]", b'7', true),
            ("[:digit:]x]", b':', false),
            ("[.-.]x]", b'-', true),
            ("[=a=]]", b'a', true),
        ] {
            let (inside, rest) = split(set.as_bytes()).unwrap_or_default();
            assert!(rest.is_empty(), "{set}");
            assert_eq!(contains(inside, byte), expected, "{set} {}", byte as char);
        }
        assert_eq!(split(b"a"), None);
        assert_eq!(split(b"]a"), None);
    }
}
