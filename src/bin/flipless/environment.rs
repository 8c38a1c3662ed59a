//! The environment properties: gathered from EB, written for systemd.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use flipless::constants::APP_PORT;

use crate::paths::GET_CONFIG;
use crate::system::System;

/// Properties by name.
pub type Environment = BTreeMap<String, String>;

/// What a hook's environment holds that is not a property.
const NOT_PROPERTIES: &[&str] = &[
    "HOME",
    "PATH",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "TERM",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "SYSTEMD_EXEC_PID",
    "LC_ALL",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
];

/// What systemd and the units set: a property of the same name would break the server.
const RESERVED: &[&str] = &[
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "FLIPLESS_RUN",
    "FLIPLESS_FRONT",
    "FLIPLESS_HEALTH_PATH",
    "FLIPLESS_DRAIN_SECONDS",
    "FLIPLESS_HEALTH_LOG",
];

/// The new properties. EB's own file has the old ones until the flip; `get-config` has the new ones,
/// and so has the hook's own environment.
pub fn gather(system: &System) -> Result<Environment> {
    if !system.exists(GET_CONFIG) {
        let own = std::env::vars_os().map(|(name, value)| {
            let text = |part: std::ffi::OsString| part.into_string();
            Ok((text(name)?, text(value)?))
        });
        let own: Result<Environment, std::ffi::OsString> = own.collect();
        let own = own.map_err(|part| anyhow::anyhow!("{} is not UTF-8", part.to_string_lossy()))?;
        return Ok(own
            .into_iter()
            .filter(|(name, _)| is_property(name))
            .collect());
    }
    let output = system
        .run(GET_CONFIG, &["environment"])
        .with_context(|| format!("cannot run {GET_CONFIG}"))?;
    if !output.status.success() {
        bail!(
            "{GET_CONFIG} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    parse_properties(&output.stdout).with_context(|| format!("{GET_CONFIG} answered no properties"))
}

fn is_property(name: &str) -> bool {
    !NOT_PROPERTIES.contains(&name) && !name.starts_with("BASH_FUNC_")
}

/// One JSON object; EB writes every value as a string, others are taken as they are spelled.
fn parse_properties(json: &[u8]) -> Result<Environment> {
    let properties: BTreeMap<String, serde_json::Value> = serde_json::from_slice(json)?;
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(properties
        .into_iter()
        .map(|(name, value)| (name, text(value)))
        .collect())
}

/// The file that `EnvironmentFile=` reads. Every value is written between double quotes, in which a
/// backslash escapes `"`, `\`, `` ` `` and `$`, and a line break stands for itself (systemd.exec(5)).
///
/// # Errors
/// On what systemd would silently leave out: a name or value that it does not take, or a name
/// that is the unit's own.
pub fn to_file(environment: &Environment) -> Result<String> {
    let mut file = String::new();
    for (name, value) in environment {
        if name == "PORT" {
            check_port(value)?;
            continue;
        }
        check(name, value)?;
        file.push_str(name);
        file.push_str("=\"");
        for character in value.chars() {
            if matches!(character, '"' | '\\' | '`' | '$') {
                file.push('\\');
            }
            file.push(character);
        }
        file.push_str("\"\n");
    }
    Ok(file)
}

fn check(name: &str, value: &str) -> Result<()> {
    let head = name
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !head || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        bail!(
            "the environment property {name:?} has a name that systemd does not take: letters, digits and `_`, not a digit first"
        );
    }
    if RESERVED.contains(&name) {
        bail!("the environment property {name} is reserved: rename it");
    }
    // systemd takes no control characters but these (env_value_is_valid in its env-util.c).
    let control = value
        .chars()
        .find(|c| c.is_control() && *c != '\n' && *c != '\t' && !is_c1(*c));
    if let Some(control) = control {
        bail!(
            "the value of the environment property {name} has a control character ({control:?}) that systemd does not take: encode it, for example as base64"
        );
    }
    Ok(())
}

/// U+0080 to U+009F are control characters to Unicode, not to systemd, which looks at bytes below 32
/// and at 127.
fn is_c1(character: char) -> bool {
    ('\u{80}'..='\u{9f}').contains(&character)
}

/// nginx passes requests to the port that `flipless.toml` names; another PORT would reach nobody.
fn check_port(value: &str) -> Result<()> {
    if value == APP_PORT.to_string() {
        return Ok(());
    }
    bail!(
        "the environment property PORT is {value:?}, but the bundle was built for {APP_PORT}: \
         remove it, or set `port` under [server] in flipless.toml"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(name: &str, value: &str) -> Result<String, String> {
        let environment = Environment::from([(name.to_owned(), value.to_owned())]);
        to_file(&environment).map_err(|error| error.to_string())
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
}
