//! Puts the bundle into the staging directory.

use std::fs;
use std::path::Path;

use super::paths::{BUNDLE, STAGING};
use super::procfile::{self, Process};
use super::{Engine, EngineError, Step};
use crate::machine::Instance;

impl<I: Instance> Engine<I> {
    /// Copies the bundle to the instance. EB itself downloads the bundle from S3.
    pub(super) fn download(&mut self, bundle: &Path) -> Step {
        let target = self.path(BUNDLE);
        let copied = fs::create_dir_all(target.parent().unwrap_or(&target))
            .and_then(|()| fs::copy(bundle, &target));
        copied
            .map(drop)
            .map_err(|error| EngineError::Instance(bundle.into(), error))
    }

    /// Recreates the staging directory from the stored bundle.
    pub(super) fn recreate_staging(&mut self) -> Step {
        self.info("Recreating /var/app/staging/")?;
        let staging = self.path(STAGING);
        recreate(&staging).map_err(|error| EngineError::Instance(staging.clone(), error))?;
        self.command(&format!("/usr/bin/unzip -q -o {BUNDLE} -d {STAGING}/"))?;
        self.command(&format!("chown -R webapp:webapp {STAGING}/"))
            .map(drop)
    }

    pub(super) fn check_procfile(&mut self) -> Step {
        self.read_procfile(STAGING).map(drop)
    }

    /// The processes of the bundle in `folder`.
    pub(super) fn read_procfile(&self, folder: &str) -> Result<Vec<Process>, EngineError> {
        let path = self.path(folder).join("Procfile");
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => EngineError::Procfile("the bundle has none".into()),
            _ => EngineError::Instance(path, error),
        })?;
        procfile::parse(&text)
    }
}

fn recreate(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}
