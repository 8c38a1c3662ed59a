//! Compares the environment of a release with EB's own file, which EB has just written in the flip.

use std::collections::BTreeSet;

use anyhow::Result;

use super::ambient::is_ambient;
use super::file::Environment;
use super::known::{of_eb, of_release};
use crate::instance::output::say;
use crate::instance::paths::{ENVIRONMENT, GET_CONFIG};
use crate::instance::system::System;
use crate::proxy::advice::Advice;

/// The names that differ between EB's file and a release.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// Properties that the release lacks.
    pub missing: Vec<String>,
    /// Variables that the release lacks, and that EB itself may have added.
    pub of_eb: Vec<String>,
    /// Properties that EB's file lacks.
    pub additional: Vec<String>,
    /// Properties with another value.
    pub other: Vec<String>,
}

/// EB's file, as [`check`] has read it.
#[derive(Debug, Default)]
pub struct Compared {
    /// The variables of the file; `None` if the file can't be read.
    pub file: Option<Environment>,
    /// The properties with another value than in the release: a secret may have rotated since `stage`. A restart uses
    /// the value in the file.
    pub rotated: BTreeSet<String>,
}

/// Fails if the release lacks a property that the server has on stock EB. Prints a warning for any other
/// difference, or if EB's file can't be read.
///
/// # Errors
/// An [`Advice`] with the names. No message contains a value.
pub fn check(system: &System, release: &str) -> Result<Compared> {
    let file = match of_eb(system) {
        Ok(Some(file)) => file,
        Ok(None) => {
            say(&format!(
                "warning: {ENVIRONMENT} is missing, so the release's environment properties can't be compared"
            ));
            return Ok(Compared::default());
        }
        Err(error) => {
            say(&format!(
                "warning: cannot compare the release's environment properties with EB's file: {error:#}"
            ));
            return Ok(Compared::default());
        }
    };
    let differences = compare(&file, &of_release(system, release)?);
    differences.warnings().iter().for_each(|line| say(line));
    differences.refuse()?;
    Ok(Compared {
        file: Some(file),
        rotated: differences.other.into_iter().collect(),
    })
}

/// Compares EB's `file` with the environment of a release.
pub(super) fn compare(file: &Environment, release: &Environment) -> Differences {
    let mut differences = Differences::default();
    // The release's unit sets PORT itself.
    for (name, value) in file.iter().filter(|(name, _)| *name != "PORT") {
        let list = match release.get(name) {
            Some(same) if same == value => continue,
            Some(_) => &mut differences.other,
            None if is_ambient(name, value) => &mut differences.of_eb,
            None => &mut differences.missing,
        };
        list.push(name.clone());
    }
    let additional = release.keys().filter(|name| !file.contains_key(*name));
    differences.additional.extend(additional.cloned());
    differences
}

impl Differences {
    fn warnings(&self) -> Vec<String> {
        let lines = [
            (
                &self.of_eb,
                "the server starts without these variables of EB's file, which EB or the system usually adds",
            ),
            (
                &self.additional,
                "warning: the server has these environment properties, and EB's file lacks them",
            ),
            (
                &self.other,
                "warning: a restart will change these environment properties to the values in EB's file",
            ),
        ];
        let told = lines.iter().filter(|(names, _)| !names.is_empty());
        told.map(|(names, what)| format!("{what} ({ENVIRONMENT}): {}", names.join(", ")))
            .collect()
    }

    fn refuse(&self) -> Result<()> {
        if self.missing.is_empty() {
            return Ok(());
        }
        let names = self.missing.join(", ");
        let reason = format!(
            "the new version lacks environment properties that EB has written to {ENVIRONMENT}: {names}"
        );
        let hint = format!(
            "in the predeploy hook, neither `{GET_CONFIG} environment` nor the hook's own environment had these \
             properties: deploy again, and if that fails too, set them as plain environment properties"
        );
        Err(Advice { reason, hint }.into())
    }
}
