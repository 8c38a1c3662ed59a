//! Collects the new properties from `get-config` and from the hook's own environment.

use std::collections::BTreeMap;
use std::ffi::OsString;

use anyhow::{Context, Result, anyhow, bail};

use super::file::{Environment, is_name};
use crate::instance::output::say;
use crate::instance::paths::GET_CONFIG;
use crate::instance::system::System;

/// The variables in a hook's environment that are not properties.
const NOT_PROPERTIES: &[&str] = &[
    // EB's own.
    "EB_IS_COMMAND_LEADER",
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

/// The value that EB gives PORT if there is no such property.
const EB_PORT: &str = "5000";

/// Collects the new properties. EB's own file contains the old ones until the flip. `get-config` returns the new
/// ones, but it may lack the values of secrets, and sometimes it fails. A hook's own environment has both
/// (<https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/AWSHowTo.secrets.env-vars.html>).
pub fn gather(system: &System) -> Result<Environment> {
    let own = of_hook(variables())?;
    let (mut properties, warning) = match system.exists(GET_CONFIG) {
        true => merge(ask(system), own),
        false => (own, None),
    };
    warning.iter().for_each(|warning| say(warning));
    for name in leave_out_names(&mut properties) {
        say(&format!(
            "warning: the server starts without the environment property {name:?}, as on stock EB: \
             systemd accepts only letters, digits and `_`, and no digit first"
        ));
    }
    Ok(properties)
}

/// Runs `get-config`.
fn ask(system: &System) -> Result<Environment> {
    let output = system
        .run(GET_CONFIG, &["environment"])
        .with_context(|| format!("cannot run {GET_CONFIG}"))?;
    if !output.status.success() {
        bail!(
            "{GET_CONFIG} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    parse_properties(&output.stdout).with_context(|| format!("{GET_CONFIG} returned no properties"))
}

/// Merges the properties of `get-config` with the hook's `own` properties, which win. If `get-config` failed,
/// returns a warning and only the `own` properties.
pub(super) fn merge(asked: Result<Environment>, own: Environment) -> (Environment, Option<String>) {
    match asked {
        Ok(mut properties) => {
            properties.extend(own);
            (properties, None)
        }
        Err(error) => {
            let instead = "using only the environment properties in the hook's own environment";
            (own, Some(format!("warning: {error:#}; {instead}")))
        }
    }
}

/// Removes the properties whose names systemd does not accept, and returns these names. EB allows more characters
/// than systemd. On stock EB systemd drops these lines of the EnvironmentFile, so the server lacks them there,
/// too.
pub(super) fn leave_out_names(properties: &mut Environment) -> Vec<String> {
    let (taken, left_out): (Environment, Environment) = std::mem::take(properties)
        .into_iter()
        .partition(|(name, _)| is_name(name));
    *properties = taken;
    left_out.into_keys().collect()
}

/// The environment of this process.
fn variables() -> impl Iterator<Item = (OsString, OsString)> {
    // The environment of a test is not a hook's.
    std::env::vars_os().filter(|_| !cfg!(test))
}

/// Returns the properties in a hook's own environment. An error names the property, never its value.
pub(super) fn of_hook(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Environment> {
    let mut properties = Environment::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().map(String::from) else {
            bail!("the environment property {name:?} has a name that is not UTF-8: rename it");
        };
        if !is_property(&name) {
            continue;
        }
        let Ok(value) = value.into_string() else {
            bail!(
                "the value of the environment property {name} is not UTF-8: encode it, for example as base64"
            );
        };
        // EB sets this PORT for every hook. Any other value is a property.
        if (name.as_str(), value.as_str()) != ("PORT", EB_PORT) {
            properties.insert(name, value);
        }
    }
    Ok(properties)
}

fn is_property(name: &str) -> bool {
    !NOT_PROPERTIES.contains(&name) && !name.starts_with("BASH_FUNC_")
}

/// Parses one JSON object. EB writes every value as a string; any other value is kept as its JSON text.
pub(super) fn parse_properties(json: &[u8]) -> Result<Environment> {
    // serde_json's own message quotes the text, which may be a secret.
    let properties: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(json).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            anyhow!(
                "not a JSON object: line {line}, column {column} of {} bytes",
                json.len()
            )
        })?;
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(properties
        .into_iter()
        .map(|(name, value)| (name, text(value)))
        .collect())
}
