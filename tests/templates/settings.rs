//! Every text is a valid configuration, or gives an error with its place.

use std::path::Path;

use proptest::prelude::*;

use crate::real_with;
use flipless_settings::Config;
use flipless_testing::any_input;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("flipless.toml")).map_err(|error| error.to_string())
}

/// Asserts that an error is one line, and begins with a place that exists in the text.
fn assert_placed(text: &str, error: &str) -> Result<(), TestCaseError> {
    let mut parts = error.splitn(4, ':');
    prop_assert_eq!(parts.next(), Some("flipless.toml"));
    let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok());
    let (line, column) = (number().unwrap_or(0), number().unwrap_or(0));
    let lines: Vec<&str> = text.split('\n').collect();
    prop_assert!((1..=lines.len()).contains(&line), "{error}");
    let width = lines[line - 1].chars().count();
    prop_assert!((1..=width + 1).contains(&column), "{error} of {text:?}");
    prop_assert!(!error.contains('\n'), "{error}");
    Ok(())
}

/// Random mixtures of tables, keys and values, valid and invalid.
fn nearly() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "\\[(app|server|front|bundle|deploy|x)\\]",
        "(name|bin|args|port|mode|health-path|retry|include|keep-releases|writable-paths) = (-?[0-9]{1,6}|\"[ -~é]{0,8}\"|true|\\[\\]|\\[\"[a-z/.]{0,6}\"\\]|\\{ from = \"a\" \\}|nginx)",
        "#.{0,5}",
        ".{0,12}",
    ];
    prop::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(any_input(512))]

    #[test]
    fn any_text_is_settings_or_an_error_with_its_place(text in prop_oneof![nearly(), any::<String>()]) {
        if let Err(error) = parse(&text) {
            assert_placed(&text, &error)?;
        }
    }

    /// An accepted value stays in its line: the unit has the same keys in the same order.
    #[test]
    fn no_setting_adds_a_line_to_a_unit(
        args in prop::collection::vec("[^\\x00]{0,12}", 0..4),
        path in "/[a-z./ \n-]{0,9}",
        health in "/[a-z./= \n#-]{0,9}",
    ) {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let args: Vec<_> = args.iter().map(|word| quoted(word)).collect();
        let usual = keys(&parse("[server]\nwritable-paths = [\"/x\"]\n").unwrap());
        for key in [
            format!("args = [{}]\nwritable-paths = [\"/x\"]", args.join(", ")),
            format!("writable-paths = [{}]", quoted(&path)),
            format!("writable-paths = [\"/x\"]\nhealth-path = {}", quoted(&health)),
        ] {
            if let Ok(settings) = parse(&format!("[server]\n{key}\n")) {
                prop_assert_eq!(&keys(&settings), &usual, "{}", key);
            }
        }
    }
}

/// The keys of a run's unit, in their order.
fn keys(settings: &Config) -> Vec<String> {
    let unit = &real_with(settings)["systemd/flipless-app@.service"];
    let key = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
    unit.lines().map(key).collect()
}
