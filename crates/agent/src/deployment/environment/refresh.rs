//! The environment of a restart: the current release's own, with everything that EB has changed since its flip.

use std::collections::BTreeSet;

use anyhow::Result;

use super::ambient::is_ambient;
use super::file::Environment;
use super::known::{last_of_eb, of_eb, of_release};
use crate::instance::output::say;
use crate::instance::system::System;

/// Returns the environment with which the release restarts; `None` if it stays the same. EB fetches secrets again
/// before it restarts the application, and writes them to its file
/// (<https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/AWSHowTo.secrets.env-vars.html>).
///
/// Only a change of EB's file counts. So a release that was rolled back keeps its own properties, and variables
/// that EB adds to its file have no effect.
pub fn refreshed(system: &System, release: &str) -> Result<Option<Environment>> {
    let now = match of_eb(system) {
        Ok(Some(now)) => now,
        Ok(None) => return Ok(None),
        Err(error) => {
            say(&format!(
                "warning: the server keeps its environment properties: {error:#}"
            ));
            return Ok(None);
        }
    };
    let own = of_release(system, release)?;
    let last = last_of_eb(system).unwrap_or_else(|| assumed(&now, &own));
    let refreshed = apply(&last, &now, own.clone());
    let changed = changes(&own, &refreshed);
    if changed.is_empty() {
        return Ok(None);
    }
    let names: Vec<_> = changed.into_iter().collect();
    say(&format!(
        "EB has changed environment properties, so the server restarts as a new release: {}",
        names.join(", ")
    ));
    Ok(Some(refreshed))
}

/// Returns the assumed content of EB's file at the last flip, for a release without a copy of that file: the
/// release's own environment, and EB's variables from today's file.
fn assumed(now: &Environment, own: &Environment) -> Environment {
    let mut last = now.clone();
    last.extend(own.clone());
    last
}

/// Makes the changes from `last` to `now` in the environment `own`. Leaves out the variables that EB itself adds, and
/// PORT, which the release's unit sets.
pub(super) fn apply(last: &Environment, now: &Environment, mut own: Environment) -> Environment {
    for name in changes(last, now) {
        match now.get(&name) {
            Some(_) if name == "PORT" => None,
            Some(value) if is_ambient(&name, value) && !own.contains_key(&name) => None,
            Some(value) => own.insert(name, value.clone()),
            None => own.remove(&name),
        };
    }
    own
}

/// The names whose values differ, or that only one of the two has.
fn changes(from: &Environment, to: &Environment) -> BTreeSet<String> {
    let names = from.keys().chain(to.keys());
    names
        .filter(|name| from.get(*name) != to.get(*name))
        .cloned()
        .collect()
}
