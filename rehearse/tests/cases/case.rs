//! A case: a folder of `fixtures/cases`, and the expected result of its deployment.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use flipless_settings::{Config, render, templates};
use rehearse::bundle::LINK;
use rehearse::engine::Deployment;

use crate::files;
use crate::rig::Rig;
use crate::update::Update;

/// The expected result of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comes {
    /// The new version serves.
    Serves,
    /// The deployment fails before the flip, and EB's console shows this reason. The old version continues to
    /// serve.
    Refused(&'static str),
    /// The deployment fails after the flip, and EB's console shows this reason. The new version serves.
    FailsLate(&'static str),
}

/// A typical user bundle.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The name of the case's folder.
    pub name: &'static str,
    pub comes: Comes,
    /// The ports of the case's own listeners, which an update must not close.
    pub ports: &'static [u16],
    /// Whether a hook of the case reloads nginx. An older nginx then closes idle connections.
    pub reloads: bool,
    /// A further check after an update.
    pub check: fn(&mut Rig, &Update),
}

impl Case {
    pub const fn serving(name: &'static str) -> Self {
        Self {
            name,
            comes: Comes::Serves,
            ports: &[],
            reloads: false,
            check: |_, _| (),
        }
    }

    /// Makes a new version of the bundle, with the files of the case.
    pub fn version(&self, rig: &mut Rig) -> PathBuf {
        self.version_with(rig, &[])
    }

    /// Makes a new version of the bundle, with the files of the case and with `more` files.
    pub fn version_with(&self, rig: &mut Rig, more: &[(&str, &str, u32)]) -> PathBuf {
        let files = self.files();
        let own = files
            .iter()
            .map(|(name, text, mode)| (name.as_str(), text.as_str(), *mode));
        let files: Vec<_> = own.chain(more.iter().copied()).collect();
        rig.version(&files)
    }

    /// Asserts that the deployment had the expected result, and that EB shows the reason of a failure.
    pub fn assert_comes(&self, rig: &Rig, done: &Deployment, when: &str) {
        let said = rig.say(&format!("cat {}", rig.engine.deployment_log()));
        let name = self.name;
        match (self.comes, &done.outcome) {
            (Comes::Serves, Ok(())) => {}
            (Comes::Refused(reason) | Comes::FailsLate(reason), Err(_)) => {
                assert!(said.contains(reason), "{name}, {when}: {said}");
            }
            (comes, outcome) => panic!("{name}, {when}: {outcome:?} instead of {comes:?}: {said}"),
        }
    }

    fn files(&self) -> Vec<(String, String, u32)> {
        let mut files = Vec::new();
        read(&fixtures().join(self.name), "", &mut files).unwrap();
        files.push(file(&fixtures().join("who.sh"), "who.sh").unwrap());
        let settings = files.iter().find(|(name, ..)| name == "flipless.toml");
        if let Some((_, text, _)) = settings {
            files.extend(with_https(text).unwrap());
        }
        files
    }
}

/// Returns the names of all folders with cases.
pub fn folders() -> Vec<String> {
    let entries = fs::read_dir(fixtures()).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cases")
}

type File = (String, String, u32);

/// Renders the files that differ because of the settings of HTTPS.
fn with_https(settings: &str) -> Result<Vec<File>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let templates = templates::read_all(&root.join("platform-templates"))?;
    let config = Config::parse(settings, Path::new("flipless.toml"));
    let mut config = config.map_err(|error| error.to_string())?;
    let mut files = render::platform_tree(&templates, &config)?;
    config.https = Default::default();
    let without = render::platform_tree(&templates, &config)?;
    files.retain(|name, text| without.get(name) != Some(text));
    let files = files.into_iter().map(|(name, text)| (name, text, 0o644));
    Ok(files.collect())
}

fn read(folder: &Path, name: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let own = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{name}{own}");
        if path.is_dir() {
            read(&path, &format!("{name}/"), files)?;
        } else if let Some(link) = name.strip_suffix(".link") {
            // The file contains the target. Not every copy of the sources keeps symbolic links.
            let target = fs::read_to_string(&path)?.trim_end().to_owned();
            files.push((link.to_owned(), target, LINK));
        } else {
            files.push(file(&path, &name)?);
        }
    }
    Ok(())
}

fn file(path: &Path, name: &str) -> io::Result<File> {
    let mode = path.metadata()?.permissions().mode() & 0o777;
    Ok((name.to_owned(), fs::read_to_string(path)?, mode))
}

/// Asserts that the old version answered during every predeploy hook, whatever the hook's name.
pub fn the_old_version_answered_before_the_flip(rig: &mut Rig, update: &Update) {
    let seen = rig.say("cat /var/log/who-before-the-flip");
    // During the adoption the hooks wrote empty lines, because the old application has no run.
    let seen: Vec<_> = seen.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(seen.len(), 40, "two hooks");
    assert!(seen.iter().all(|run| *run == update.before), "{seen:?}");
}

/// Asserts that nginx and the server reach the folders beside the application.
pub fn every_place_is_reached(rig: &mut Rig, update: &Update) {
    files::assert_reaches(rig, &update.after, &["media/photos", "cache"]);
    // The cache of this case keeps any answer for one hour.
    rig.body("/api/x");
    rig.must("test -s /var/log/shop/access.log");
    let cached = rig.say("find /var/app/nginx-cache -type f | wc -l");
    assert_ne!(cached, "0");
}
