//! The new properties, from `get-config` and from the hook's own environment.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Output};

use anyhow::Result;

use super::super::file::Environment;
use super::super::gather::*;
use super::environment;

fn merged(listed: &[(&str, &str)], hook: &[(&[u8], &[u8])]) -> Result<Environment> {
    let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let hook = hook.iter().map(|(name, value)| (text(name), text(value)));
    merge(environment(listed), hook)
}

#[test]
fn the_hook_s_own_values_win_over_get_config_s() {
    // get-config may return the ARN of a secret instead of its value, or omit the secret.
    let listed = [("A", "1"), ("SECRET", "arn:aws:secretsmanager:x")];
    let hook: [(&[u8], &[u8]); 3] = [(b"A", b"1"), (b"SECRET", b"hunter2"), (b"TOKEN", b"x")];
    let expected = [("A", "1"), ("SECRET", "hunter2"), ("TOKEN", "x")];
    assert_eq!(merged(&listed, &hook).unwrap(), environment(&expected));
}

#[test]
fn what_the_engine_a_shell_or_systemd_adds_is_not_a_property() {
    let hook: [(&[u8], &[u8]); 19] = [
        (b"TOKEN", b"1"),
        (b"EB_IS_COMMAND_LEADER", b"true"),
        (b"HOME", b"/root"),
        (b"PATH", b"/x"),
        (b"PORT", b"5000"),
        (b"PWD", b"\xff"),
        (b"_", b"bin/flipless"),
        (b"BASH_FUNC_x%%", b"() {"),
        (b"LC_CTYPE", b"C.UTF-8"),
        (b"SUDO_USER", b"ec2-user"),
        (b"CMD_DATA", b"{}"),
        (b"RESULT_SECRET_KEY", b"hunter2"),
        (b"RESULT_SESSION_TOKEN", b"hunter2"),
        (b"INVOCATION_ID", b"0"),
        // The engine may be a unit that notifies systemd, or that has sockets.
        (b"NOTIFY_SOCKET", b"/run/systemd/notify"),
        (b"WATCHDOG_USEC", b"1"),
        (b"LISTEN_FDS", b"1"),
        (b"CREDENTIALS_DIRECTORY", b"/run/x"),
        (b"MONITOR_UNIT", b"x"),
    ];
    let expected = environment(&[("TOKEN", "1")]);
    assert_eq!(merged(&[], &hook).unwrap(), expected);
}

#[test]
fn a_property_whose_name_only_begins_like_one_of_systemd_is_kept() {
    for name in ["MONITOR_API_KEY", "TRIGGER_TOKEN"] {
        let hook: [(&[u8], &[u8]); 1] = [(name.as_bytes(), b"hunter2")];
        let expected = environment(&[(name, "hunter2")]);
        assert_eq!(merged(&[], &hook).unwrap(), expected);
    }
}

#[test]
fn a_name_that_get_config_lists_is_a_property_whatever_it_is() {
    let names = [
        "HOME",
        "PATH",
        "LANG",
        "TERM",
        "USER",
        "SHELL",
        "PWD",
        "LC_ALL",
        "STACK_NAME",
    ];
    for name in names {
        // A shell may have replaced the property's value in the hook.
        let hook: [(&[u8], &[u8]); 1] = [(name.as_bytes(), b"the shell's")];
        let expected = environment(&[(name, "the user's")]);
        assert_eq!(merged(&[(name, "the user's")], &hook).unwrap(), expected);
    }
    // This PORT is a property of the user.
    let port = merged(&[], &[(b"PORT", b"6000")]).unwrap();
    assert_eq!(port, environment(&[("PORT", "6000")]));
    let port = merged(&[("PORT", "6000")], &[(b"PORT", b"5000")]).unwrap();
    assert_eq!(port, environment(&[("PORT", "6000")]));
}

#[test]
fn a_name_that_systemd_does_not_accept_is_left_out() {
    let listed = [
        ("A", "1"),
        ("", "0"),
        ("a.b", "2"),
        ("a:b/c+d\\e-f@g", "3"),
        ("1X", "4"),
        ("_x", "5"),
        ("é", "6"),
    ];
    let hook: [(&[u8], &[u8]); 2] = [(b"a.c", b"hunter2\xff"), (b"NA\xffME", b"hunter2")];
    let mut properties = merged(&listed, &hook).unwrap();
    let left_out = leave_out_names(&mut properties);
    assert_eq!(properties, environment(&[("A", "1"), ("_x", "5")]));
    let expected = [
        "",
        "1X",
        "NA\u{fffd}ME",
        "a.b",
        "a.c",
        "a:b/c+d\\e-f@g",
        "é",
    ];
    assert_eq!(left_out, expected);
}

#[test]
fn a_value_that_is_not_utf_8_is_refused_without_its_value() {
    let error = merged(&[], &[(b"TOKEN", b"hunter2\xff")])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("property TOKEN is not UTF-8") && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn a_get_config_that_fails_or_hangs_is_named_without_its_output() {
    for (status, part) in [
        (1 << 8, "get-config failed (exit status: 1"),
        (124 << 8, "get-config has not ended within 30 s"),
        (127 << 8, "get-config failed (exit status: 127"),
        (9, "get-config failed (signal: 9"),
        (0, "get-config printed invalid output"),
    ] {
        let output = Output {
            status: ExitStatus::from_raw(status),
            stdout: b"{\"A\":\"hunter2".into(),
            stderr: b"could not parse A=hunter2".into(),
        };
        let error = format!("{:#}", answered(&output).unwrap_err());
        assert!(
            error.contains(part) && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn properties_are_one_json_object() {
    let parsed = parse_properties(br#"{"B":"x y","A":"1","N":3,"T":true,"O":{"a":[1]},"Z":null}"#);
    let expected = [
        ("A", "1"),
        ("B", "x y"),
        ("N", "3"),
        ("O", r#"{"a":[1]}"#),
        ("T", "true"),
    ];
    assert_eq!(parsed.unwrap(), environment(&expected));
    for other in [
        &b""[..],
        b"\n",
        b"[]",
        b"null",
        b"\"A\"",
        b"{\"A\":\"1\"",
        b"{} {}",
    ] {
        let error = parse_properties(other).unwrap_err().to_string();
        assert!(error.starts_with("not a JSON object"), "{error}");
    }
}

#[test]
fn messages_before_the_json_object_are_ignored() {
    for messages in [
        "WARNING: old\n",
        "a {b}\n{c\n{}x\n",
        "\n\n",
        "2026/11/26 {\"A\":\"2\"}\n",
    ] {
        let output = format!("{messages}{{\n \"A\": \"1\"\n}}\n");
        let parsed = parse_properties(output.as_bytes()).unwrap();
        assert_eq!(parsed, environment(&[("A", "1")]), "{messages}");
    }
}
