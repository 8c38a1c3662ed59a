#![allow(clippy::unwrap_used)]
use super::file::*;
use super::gather::*;
use anyhow::{Result, anyhow};
use std::ffi::OsString;

mod properties;

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
        file("A", "two\nlines\tand é").unwrap(),
        "A=\"two\nlines\tand é\"\n"
    );
}

#[test]
fn what_systemd_would_drop_is_an_error() {
    for (name, value) in [
        ("1A", "x"),
        ("A-B", "x"),
        ("", "x"),
        ("A", "x\r"),
        ("A", "\u{1b}[0m"),
        ("A", "\0"),
    ] {
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
fn properties_are_one_json_object() {
    let parsed = parse_properties(br#"{"B":"x y","A":"1","N":3}"#).unwrap();
    let pairs: Vec<_> = parsed
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(pairs, [("A", "1"), ("B", "x y"), ("N", "3")]);
    assert!(parse_properties(b"[]").is_err());
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

fn hook(pairs: &[(&[u8], &[u8])]) -> Result<Environment> {
    use std::os::unix::ffi::OsStringExt;
    let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    of_hook(pairs.iter().map(|(n, v)| (text(n), text(v))))
}

#[test]
fn only_properties_are_taken_from_a_hook_s_own_environment() {
    let own = hook(&[
        (b"A", b"1"),
        (b"PATH", b"/x"),
        (b"BASH_FUNC_x%%", b"() {"),
        // Other variables may have any value.
        (b"PWD", b"\xff"),
    ]);
    let own: Vec<_> = own.unwrap().into_iter().collect();
    assert_eq!(own, [("A".to_owned(), "1".to_owned())]);
}

#[test]
fn variables_that_eb_sets_for_every_hook_are_not_properties() {
    let own = hook(&[
        (b"EB_IS_COMMAND_LEADER", b"true"),
        (b"HOME", b"/root"),
        (b"PORT", b"5000"),
        (b"TOKEN", b"1"),
    ]);
    assert_eq!(own.unwrap(), environment(&[("TOKEN", "1")]));
    // This PORT is a property of the user.
    assert_eq!(
        hook(&[(b"PORT", b"6000")]).unwrap(),
        environment(&[("PORT", "6000")])
    );
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(pair).collect()
}

#[test]
fn the_hook_s_own_values_win_over_get_config_s() {
    // get-config may return the ARN of a secret instead of its value, or omit the secret.
    let asked = environment(&[
        ("A", "1"),
        ("SECRET", "arn:aws:secretsmanager:x"),
        ("LANG", "C"),
    ]);
    let own = environment(&[("A", "1"), ("SECRET", "hunter2"), ("TOKEN", "x")]);
    let (merged, warning) = merge(Ok(asked), own);
    let expected = [
        ("A", "1"),
        ("LANG", "C"),
        ("SECRET", "hunter2"),
        ("TOKEN", "x"),
    ];
    assert_eq!((merged, warning), (environment(&expected), None));
}

#[test]
fn without_get_config_the_hook_s_own_environment_is_taken_with_a_warning() {
    let own = environment(&[("A", "1")]);
    let (merged, warning) = merge(Err(anyhow!("get-config failed")), own.clone());
    assert_eq!(merged, own);
    let warning = warning.unwrap();
    assert!(
        warning.starts_with("warning: get-config failed; "),
        "{warning}"
    );
    assert!(warning.contains("the hook's own environment"), "{warning}");
}

#[test]
fn a_name_that_systemd_does_not_accept_is_left_out() {
    let mut properties = environment(&[
        ("A", "1"),
        ("a.b", "2"),
        ("a:b/c+d\\e-f@g", "3"),
        ("1X", "4"),
        ("_x", "5"),
    ]);
    let left_out = leave_out_names(&mut properties);
    assert_eq!(properties, environment(&[("A", "1"), ("_x", "5")]));
    assert_eq!(left_out, ["1X", "a.b", "a:b/c+d\\e-f@g"]);
}

#[test]
fn what_is_not_utf_8_is_named_without_its_value() {
    let error = hook(&[(b"TOKEN", b"hunter2\xff")]).unwrap_err().to_string();
    assert!(
        error.contains("property TOKEN is not UTF-8") && !error.contains("hunter2"),
        "{error}"
    );
    let error = hook(&[(b"NA\xffME", b"hunter2")]).unwrap_err().to_string();
    assert!(
        error.contains("NA\\xFFME") && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn another_port_is_refused_without_its_value() {
    let error = file("PORT", "hunter2").unwrap_err();
    assert!(
        error.contains("not 5000") && !error.contains("hunter2"),
        "{error}"
    );
}
