//! Collects the new properties from `get-config` and from the hook's own environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Output;

use anyhow::{Context, Result, anyhow, bail};

use super::ambient::is_ambient;
use super::file::{Environment, is_name};
use crate::instance::get_config;
use crate::instance::output::say;
use crate::instance::paths::GET_CONFIG;
use crate::instance::system::System;

/// How long `get-config` may take, in seconds. EB gives all hooks together a few minutes.
const PATIENCE: &str = "30";
/// The status of timeout(1) for a program that has taken too long.
const TIMED_OUT: i32 = 124;

/// Collects the new properties. EB's own file contains the old ones until the flip. `get-config` returns the new
/// ones, but it may lack the values of secrets, and sometimes it fails. A hook's own environment has the new properties
/// with the values of secrets
/// (<https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/AWSHowTo.secrets.env-vars.html>).
pub fn gather(system: &System) -> Result<Environment> {
    let listed = ask(system).unwrap_or_else(|error| {
        say(&format!(
            "warning: {error:#}; using only the environment properties in the hook's own environment"
        ));
        Environment::new()
    });
    let mut properties = merge(listed, variables())?;
    for name in leave_out_names(&mut properties) {
        say(&format!(
            "warning: the server starts without the environment property {name:?}, as on stock EB: \
             systemd accepts only letters, digits and `_`, and no digit at the beginning"
        ));
    }
    Ok(properties)
}

/// Runs `get-config`, and stops it if it hangs.
fn ask(system: &System) -> Result<Environment> {
    let output = get_config::ask(system, PATIENCE, &["environment"])
        .with_context(|| format!("cannot run {GET_CONFIG}"))?;
    answered(&output)
}

/// Returns the properties that `get-config` has printed. The error does not repeat this output, which may contain a
/// secret.
pub(super) fn answered(output: &Output) -> Result<Environment> {
    if output.status.code() == Some(TIMED_OUT) {
        bail!("{GET_CONFIG} has not ended within {PATIENCE} s");
    }
    if !output.status.success() {
        let status = output.status;
        bail!("{GET_CONFIG} failed ({status}; `{GET_CONFIG} environment` shows why)");
    }
    parse_properties(&output.stdout).with_context(|| format!("{GET_CONFIG} printed invalid output"))
}

/// Merges the properties that `get-config` has `listed` with the `variables` of the hook.
///
/// Each listed name is a property, whatever the name is. Usually the hook's value wins, because `get-config` may list a
/// secret without its value. For a name that EB or the system also uses, the value of `get-config` wins, because a
/// shell may have replaced the property's value in the hook.
///
/// # Errors
/// If a value is not UTF-8. The error names the property, never its value.
pub(super) fn merge(
    mut listed: Environment,
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Environment> {
    for (name, value) in variables {
        // systemd accepts only names in UTF-8. [`leave_out_names`] later removes any other name.
        let name = name.to_string_lossy().into_owned();
        if is_ambient(&name, &value.to_string_lossy()) {
            continue;
        }
        match value.into_string() {
            Ok(value) => listed.insert(name, value),
            Err(_) if !is_name(&name) => listed.insert(name, String::new()),
            Err(_) => bail!(
                "the value of the environment property {name} is not UTF-8, which systemd does not accept: \
                 encode the value, for example as base64"
            ),
        };
    }
    Ok(listed)
}

/// Removes the properties whose names systemd does not accept, and returns these names. EB allows more characters
/// than systemd. On stock EB systemd drops these lines of the EnvironmentFile, so the server lacks these properties
/// there, too.
pub(super) fn leave_out_names(properties: &mut Environment) -> Vec<String> {
    let (taken, left_out): (Environment, Environment) = std::mem::take(properties)
        .into_iter()
        .partition(|(name, _)| is_name(name));
    *properties = taken;
    left_out.into_keys().collect()
}

/// Returns the environment of this process.
fn variables() -> impl Iterator<Item = (OsString, OsString)> {
    // A test does not run in a hook, so its environment contains no properties.
    std::env::vars_os().filter(|_| !cfg!(test))
}

/// Parses one JSON object. Messages may precede the object, on separate lines.
pub(super) fn parse_properties(output: &[u8]) -> Result<Environment> {
    let whole = parse_object(output);
    let brace =
        |start: &usize| output[*start] == b'{' && (*start == 0 || output[*start - 1] == b'\n');
    let starts = (1..output.len()).filter(brace);
    match whole {
        Ok(properties) => Ok(properties),
        // The object begins at the start of a line. A line of a message may also begin with `{`. So the object begins
        // at the first such line from which the rest can be parsed.
        Err(error) => starts
            .map(|start| parse_object(&output[start..]))
            .find_map(Result::ok)
            .ok_or(error),
    }
}

/// Parses one JSON object. EB writes every value as a string. Any other value is kept as its JSON text, except
/// null, which means that there is no value.
fn parse_object(json: &[u8]) -> Result<Environment> {
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
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    Ok(properties
        .into_iter()
        .filter_map(|(name, value)| Some((name, text(value)?)))
        .collect())
}
