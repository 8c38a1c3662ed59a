//! The environment of a restart: that of the current release, with EB's changes since the flip of this release.

use std::collections::BTreeSet;

use anyhow::Result;

use super::ambient::is_ambient;
use super::file::Environment;
use super::known::{last_of_eb, of_eb, of_release};
use crate::instance::output::say;
use crate::instance::system::System;

/// Returns the environment with which the release starts again; `None` if it stays the same. EB fetches secrets again
/// before it restarts the application, and writes them to its file
/// (<https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/AWSHowTo.secrets.env-vars.html>).
///
/// Only changes of EB's file since the flip count. So after a rollback the older release keeps its own properties, and
/// the variables that EB always adds to its file have no effect. `rotated` contains the names of the properties that EB
/// is known to have changed. This function adds new names, and removes none, because a value may change back.
pub fn refreshed(
    system: &System,
    release: &str,
    rotated: &mut BTreeSet<String>,
) -> Result<Option<Environment>> {
    let now = match of_eb(system) {
        Ok(Some(now)) => now,
        Ok(None) => return Ok(None),
        Err(error) => {
            say(&format!(
                "warning: the server restarts with its old environment properties: {error:#}"
            ));
            return Ok(None);
        }
    };
    let own = of_release(system, release)?;
    let last = last_of_eb(system).unwrap_or_else(|| assumed(&now, &own));
    rotated.extend(changes(&last, &now));
    let refreshed = apply(rotated, &now, own.clone());
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

/// Returns the assumed content of EB's file at the last flip, if there is no copy of that file: the release's own
/// environment, and EB's variables from the present file.
fn assumed(now: &Environment, own: &Environment) -> Environment {
    let mut last = now.clone();
    last.extend(own.clone());
    last
}

/// Gives the variables with these `names` the values that they have `now`. Leaves out the variables that EB itself
/// adds, and PORT, which the release's unit sets.
pub(super) fn apply(
    names: &BTreeSet<String>,
    now: &Environment,
    mut own: Environment,
) -> Environment {
    for name in names {
        match now.get(name) {
            Some(_) if name == "PORT" => None,
            Some(value) if is_ambient(name, value) && !own.contains_key(name) => None,
            Some(value) => own.insert(name.clone(), value.clone()),
            None => own.remove(name),
        };
    }
    own
}

/// Returns the names whose values differ, or that only one of the two environments has.
pub(super) fn changes(from: &Environment, to: &Environment) -> BTreeSet<String> {
    let names = from.keys().chain(to.keys());
    names
        .filter(|name| from.get(*name) != to.get(*name))
        .cloned()
        .collect()
}
