#![allow(clippy::unwrap_used)]
use super::file::*;

mod gathering;
mod known;
mod properties;
mod reader;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(pair).collect()
}

fn file(name: &str, value: &str) -> Result<String, String> {
    let environment = Environment::from([(name.to_owned(), value.to_owned())]);
    to_file(&environment, 5000).map_err(|error| error.to_string())
}

#[test]
fn values_are_quoted_for_systemd() {
    assert_eq!(file("A", "plain").unwrap(), "A=\"plain\"\n");
    assert_eq!(file("A", "").unwrap(), "A=\"\"\n");
    assert_eq!(
        file("A", r#"a"b\c`d$e%f'g"#).unwrap(),
        "A=\"a\\\"b\\\\c\\`d\\$e%f'g\"\n"
    );
    assert_eq!(
        file("A", "two\r\nlines\tand é\u{1b}[0m\u{7f}").unwrap(),
        "A=\"two\r\nlines\tand é\u{1b}[0m\u{7f}\"\n"
    );
}

#[test]
fn what_systemd_would_drop_is_an_error() {
    for (name, value) in [("1A", "x"), ("A-B", "x"), ("", "x"), ("A", "\0")] {
        assert!(file(name, value).is_err(), "{name} {value:?}");
    }
}

#[test]
fn reserved_names_and_another_port_are_errors() {
    assert!(
        file("NOTIFY_SOCKET", "/x")
            .unwrap_err()
            .contains("reserved")
    );
    assert!(file("FLIPLESS_RUN", "x").is_err());
    assert!(file("FLIPLESS_TEST_X", "x").is_ok());
    assert!(file("PORT", "8080").unwrap_err().contains("[server]"));
    assert_eq!(file("PORT", "5000").unwrap(), "");
}

#[test]
fn a_value_may_be_as_long_as_the_kernel_takes_and_no_longer() {
    assert!(file("A", &"x".repeat(100_000)).is_ok());
    let longest = LONGEST_PROPERTY - "NAME".len();
    assert!(file("NAME", &"x".repeat(longest)).is_ok());
    let error = file("NAME", &"x".repeat(longest + 1)).unwrap_err();
    assert!(
        error.contains(&format!("no more than {longest}")),
        "{error}"
    );
    // The kernel has the same limit.
    let run = |length: usize| {
        let mut command = std::process::Command::new("true");
        command.env("NAME", "x".repeat(length)).status()
    };
    assert!(run(longest).unwrap().success());
    assert_eq!(
        run(longest + 1).unwrap_err().raw_os_error(),
        Some(7),
        "E2BIG"
    );
}

#[test]
fn all_values_together_have_a_limit() {
    let many = |count: usize| {
        let pair = |i: usize| (format!("A{i}"), "x".repeat(100_000));
        to_file(&(0..count).map(pair).collect(), 5000)
    };
    assert!(many(10).is_ok());
    let error = many(11).unwrap_err().to_string();
    assert!(error.contains("in all"), "{error}");
}

#[test]
fn noncharacters_are_refused_by_their_number() {
    for character in ['\u{fffe}', '\u{ffff}', '\u{fdd0}', '\u{10ffff}'] {
        let error = file("A", &format!("secret{character}")).unwrap_err();
        let number = format!("U+{:04X}", u32::from(character));
        assert!(
            error.contains(&number) && !error.contains("secret"),
            "{error}"
        );
    }
    assert!(file("A", "\u{fdcf}\u{fdf0}\u{fffd}").is_ok());
}

#[test]
fn another_port_is_refused_without_its_value() {
    let error = file("PORT", "hunter2").unwrap_err();
    assert!(
        error.contains("not 5000") && !error.contains("hunter2"),
        "{error}"
    );
}
