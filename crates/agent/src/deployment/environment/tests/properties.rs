//! For any properties, systemd reads the same values from the file, or the agent refuses the properties.

use proptest::prelude::*;

use super::super::file::*;
use super::super::gather::*;
use flipless_testing::any_input;

/// A second implementation of `EnvironmentFile=`, from systemd.exec(5). It was compared once with systemd's own
/// implementation (load_env_file in its env-file.c), on as many inputs as these tests use.
fn as_systemd_reads(file: &str) -> Vec<(String, String)> {
    let mut characters = file.chars().peekable();
    let mut pairs = Vec::new();
    while characters.peek().is_some() {
        let name: String = characters.by_ref().take_while(|c| *c != '=').collect();
        let mut value = String::new();
        // A line consists of quoted and unquoted parts.
        while let Some(character) = characters.next() {
            match character {
                '\n' => break,
                '"' => quoted(&mut characters, &mut value),
                other => panic!("{other:?} is outside of quotes: {file:?}"),
            }
        }
        pairs.push((name, value));
    }
    pairs
}

/// In double quotes, a backslash before `"`, `\\`, `` ` `` and `$` is removed. Before a line break, both are
/// removed. Any other backslash stays.
fn quoted(characters: &mut impl Iterator<Item = char>, value: &mut String) {
    while let Some(character) = characters.next() {
        match character {
            '"' => return,
            '\\' => match characters.next() {
                Some(escaped @ ('"' | '\\' | '`' | '$')) => value.push(escaped),
                Some('\n') | None => {}
                Some(other) => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    panic!("a quote is left open: {value:?}");
}

/// Returns whether systemd accepts name and value (env_name_is_valid, env_value_is_valid in its env-util.c).
fn systemd_takes(name: &str, value: &str) -> bool {
    let plain = name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
    let head = !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty();
    plain && head && !value.contains('\0')
}

/// Generates names that are mostly valid.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![20 => "[A-Z_][A-Z0-9_]{0,9}", 1 => ".{0,4}"]
}

/// Generates characters that have a meaning in some syntax, and sometimes any other characters.
fn value() -> impl Strategy<Value = String> {
    let meaningful = r#"["'\\$`%#;= \n\tnaA0é日\u{a0}\u{2028}-]{0,24}"#;
    let refused = r"[\r\x00\x1b\x7f\u{85}\u{fffe}a]{0,3}";
    prop_oneof![20 => meaningful, 1 => refused, 1 => any::<String>()]
}

proptest! {
    #![proptest_config(any_input(4096))]

    #[test]
    fn systemd_reads_what_was_written(pairs in prop::collection::btree_map(name(), value(), 1..5)) {
        match to_file(&pairs, 5000) {
            Ok(file) => {
                let mut expected: Vec<_> = pairs.into_iter().collect();
                expected.retain(|(name, _)| name != "PORT");
                for (name, value) in &expected {
                    prop_assert!(systemd_takes(name, value), "{name:?} {value:?}");
                }
                prop_assert_eq!(as_systemd_reads(&file), expected);
            }
            Err(error) => {
                let said = format!("{error:#}");
                let values = pairs.values().filter(|value| value.len() > 8);
                for value in values {
                    prop_assert!(!said.contains(value.as_str()), "{}", said);
                }
            }
        }
    }

    #[test]
    fn what_systemd_takes_is_not_refused(name in "[a-zA-Z_][a-zA-Z0-9_]{0,20}", value in "[^\\x00\\u{fdd0}-\\u{fdef}\\u{fffe}\\u{ffff}\\u{1fffe}-\\u{10ffff}]{0,40}") {
        prop_assume!(name != "PORT" && !RESERVED.contains(&name.as_str()));
        prop_assert!(systemd_takes(&name, &value));
        prop_assert!(to_file(&Environment::from([(name, value)]), 5000).is_ok());
    }

    #[test]
    fn any_answer_of_get_config_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_properties(&bytes);
    }

    #[test]
    fn properties_survive_json(pairs in prop::collection::btree_map(any::<String>(), any::<String>(), 0..6)) {
        let json = serde_json::to_vec(&pairs).unwrap();
        prop_assert_eq!(parse_properties(&json).unwrap(), pairs);
    }
}
