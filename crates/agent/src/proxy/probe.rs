//! Tests the staged configuration in two ways: as EB's own command will test it, and as the front will load it.

use std::path::Path;

use anyhow::{Context, Result};
use flipless_settings::{Settings, layout};

use super::advice::Advice;
use super::nginx::Surroundings;
use super::{https, listens, port, retry, sandbox};
use crate::instance::paths::{FLIPPED, NGINX, PROXY_STAGING};
use crate::instance::system::System;

/// The tests of one deployment.
pub struct Probe<'a> {
    system: &'a System,
    bundle: &'a Path,
    settings: &'a Settings,
    /// The sandbox of the front; `None` if the bundle has no front. EB's own nginx then loads the configuration.
    front: Option<Vec<String>>,
}

impl<'a> Probe<'a> {
    pub fn new(system: &'a System, bundle: &'a Path, settings: &'a Settings) -> Result<Self> {
        Ok(Self {
            system,
            bundle,
            settings,
            front: sandbox::of_bundle(system, bundle)?,
        })
    }

    /// Fails if EB's test or the front would refuse the configuration. The error contains nginx's own lines.
    pub fn run(&self) -> Result<()> {
        // `/var/app/current` may be missing. systemd then creates it for the test.
        let is_there = self.system.exists(FLIPPED);
        let tested = self.as_eb().and_then(|()| self.in_place());
        if !is_there {
            // `remove_dir` removes only an empty folder, so it does not remove EB's.
            let _ = std::fs::remove_dir(self.system.locate(FLIPPED));
        }
        tested
    }

    /// Runs EB's own test of the flip. EB copies the files to /etc/nginx only after this test. So an absolute path
    /// in an `include` still names a file of the old configuration.
    fn as_eb(&self) -> Result<()> {
        let main = format!("{PROXY_STAGING}/nginx.conf");
        if !self.system.exists(&main) {
            return Ok(());
        }
        let surroundings = self.surroundings(&[]);
        surroundings
            .run(self.system, &["-t", "-q", "-c", &main])
            .map(drop)
            .with_context(|| {
                format!(
                    "EB's own test would fail during the flip, after EB has stopped nginx \
                     (`nginx -t -c {main}`)"
                )
            })
    }

    /// Tests the configuration that /etc/nginx will have after the flip: a copy of the configuration in force, with the
    /// staged files copied over it.
    fn in_place(&self) -> Result<()> {
        let (system, folder) = (self.system, format!("{}/nginx-test", layout::RUNTIME));
        system.remove(&folder)?;
        // Only root may read the copy, because it may contain keys.
        system.make_private_folder(&folder)?;
        let tested = self.compose(&folder).and_then(|()| self.as_front(&folder));
        system.remove(&folder)?;
        tested
    }

    fn compose(&self, folder: &str) -> Result<()> {
        if self.system.exists(NGINX) {
            self.system.copy_tree(NGINX, folder, None)?;
        }
        self.system.copy_tree(PROXY_STAGING, folder, None)?;
        https::tidy(self.system, folder)?;
        retry::tidy(self.system, folder)
    }

    fn as_front(&self, folder: &str) -> Result<()> {
        let place = (folder.to_owned(), NGINX);
        let Some(front) = &self.front else {
            let mut stock = self.surroundings(&[place]);
            stock.lines.push("PrivateTmp=true".into());
            return stock.run(self.system, &["-t", "-q"]).map(drop);
        };
        let mut surroundings = self.surroundings(&[place]);
        surroundings.lines.clone_from(front);
        let dump = surroundings
            .run(self.system, &["-T", "-q"])
            .map_err(|error| self.blame(surroundings, error))?;
        let listens = listens::in_dump(&dump, &format!("{NGINX}/nginx.conf"));
        port::check(&listens, self.settings)?;
        Ok(https::check_dump(&dump, self.settings)?)
    }

    /// Runs the test again without the sandbox. If it then succeeds, returns an error that names the sandbox as
    /// the cause; otherwise returns `error`.
    fn blame(&self, mut surroundings: Surroundings, error: anyhow::Error) -> anyhow::Error {
        surroundings.lines = vec!["PrivateTmp=true".into()];
        if surroundings.run(self.system, &["-t", "-q"]).is_err() {
            return error;
        }
        let reason = format!(
            "the sandbox of {} does not allow this configuration: {error:#}",
            layout::FRONT
        );
        let hint = format!(
            "use a folder outside /usr, /etc and the homes, or allow the folder in a drop-in such as \
             /etc/systemd/system/{}.d/own.conf (ReadWritePaths=, systemd.exec(5))",
            layout::FRONT
        );
        Advice { reason, hint }.into()
    }

    /// Returns the surroundings of a test, which bind the bundle to `/var/app/current`. After the flip the bundle is in
    /// this folder, and the configuration may name its files.
    fn surroundings(&self, places: &[(String, &'static str)]) -> Surroundings {
        let mut places = places.to_vec();
        if self.bundle != Path::new(FLIPPED) {
            places.push((self.bundle.display().to_string(), FLIPPED));
        }
        Surroundings {
            lines: Vec::new(),
            places,
        }
    }
}
