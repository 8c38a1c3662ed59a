//! Tests the staged configuration as it will be used: by EB's own command, and by the front after the flip.

use std::path::Path;

use anyhow::{Context, Result};
use flipless_settings::{Settings, layout};

use super::advice::Advice;
use super::nginx::Surroundings;
use super::{listens, port, retry, sandbox};
use crate::instance::paths::{FLIPPED, NGINX, PROXY_STAGING};
use crate::instance::system::System;

/// The tests of one deployment.
pub struct Probe<'a> {
    system: &'a System,
    bundle: &'a Path,
    settings: &'a Settings,
    /// The sandbox of the front; `None` if the bundle has no front, so that EB's own nginx will run.
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

    /// Fails with nginx's own lines if EB's test or nginx itself would refuse the configuration.
    pub fn run(&self) -> Result<()> {
        // The place of the next application need not be there yet; systemd makes it for the test.
        let is_there = self.system.exists(FLIPPED);
        let tested = self.as_eb().and_then(|()| self.in_place());
        if !is_there {
            // An empty folder; one that is not empty is EB's.
            let _ = std::fs::remove_dir(self.system.locate(FLIPPED));
        }
        tested
    }

    /// EB's own command in the flip. What the staged files include by absolute paths is still the old
    /// configuration then: EB copies after this test.
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
                    "EB tests this configuration with `nginx -t -c {main}` after it has stopped nginx, \
                     and would fail"
                )
            })
    }

    /// A copy of what is in force with what is staged over it, which is what EB leaves in /etc/nginx.
    fn in_place(&self) -> Result<()> {
        let (system, folder) = (self.system, format!("{}/nginx-test", layout::RUNTIME));
        system.remove(&folder)?;
        // A copy may hold keys: for root alone.
        system.make_private_folder(&folder)?;
        let tested = self.compose(&folder).and_then(|()| self.as_front(&folder));
        system.remove(&folder)?;
        tested
    }

    fn compose(&self, folder: &str) -> Result<()> {
        if self.system.exists(NGINX) {
            self.system.copy_tree(NGINX, folder)?;
        }
        self.system.copy_tree(PROXY_STAGING, folder)?;
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
        Ok(port::check(&listens, self.settings)?)
    }

    /// Tells whether it is the sandbox that nginx fails in.
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
            "use a folder outside /usr, /etc and the homes, or allow it in a drop-in such as \
             /etc/systemd/system/{}.d/own.conf (ReadWritePaths=, systemd.exec(5))",
            layout::FRONT
        );
        Advice { reason, hint }.into()
    }

    /// After the flip the bundle is the current application: the configuration may name its files.
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
