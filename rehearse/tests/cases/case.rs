//! A case: a folder of `fixtures/cases`, and what it comes to.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rehearse::engine::Deployment;

use crate::rig::Rig;
use crate::update::Update;

/// What its deployment comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comes {
    /// The new version serves.
    Serves,
    /// It fails before the flip, and EB's console says so: the old version serves.
    Refused(&'static str),
    /// It fails after the flip: the new version serves.
    FailsLate(&'static str),
}

/// A bundle as people write it.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its folder.
    pub name: &'static str,
    pub comes: Comes,
    /// Listeners of its own, which an update must not close.
    pub ports: &'static [u16],
    /// A hook of its own reloads nginx, whose older versions close idle connections then.
    pub reloads: bool,
    /// What else must be so after an update.
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

    /// Another version of the bundle with the case in it.
    pub fn version(&self, rig: &mut Rig) -> PathBuf {
        self.version_with(rig, &[])
    }

    /// The same, with more files.
    pub fn version_with(&self, rig: &mut Rig, more: &[(&str, &str, u32)]) -> PathBuf {
        let files = self.files();
        let own = files
            .iter()
            .map(|(name, text, mode)| (name.as_str(), text.as_str(), *mode));
        let files: Vec<_> = own.chain(more.iter().copied()).collect();
        rig.version(&files)
    }

    /// Whether EB says what it has to.
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
        files
    }
}

/// All that there are.
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

fn read(folder: &Path, name: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let own = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{name}{own}");
        match path.is_dir() {
            true => read(&path, &format!("{name}/"), files)?,
            false => files.push(file(&path, &name)?),
        }
    }
    Ok(())
}

fn file(path: &Path, name: &str) -> io::Result<File> {
    let mode = path.metadata()?.permissions().mode() & 0o777;
    Ok((name.to_owned(), fs::read_to_string(path)?, mode))
}

/// Every predeploy hook had its time, whatever its name.
pub fn the_old_version_answered_before_the_flip(rig: &mut Rig, update: &Update) {
    let seen = rig.say("cat /var/log/who-before-the-flip");
    // The adoption asked a version without a name.
    let seen: Vec<_> = seen.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(seen.len(), 40, "two hooks");
    assert!(seen.iter().all(|run| *run == update.before), "{seen:?}");
}

pub fn nginx_has_logged_and_cached(rig: &mut Rig, _: &Update) {
    // Any answer is kept for an hour.
    rig.body("/api/x");
    rig.must("test -s /var/log/shop/access.log");
    let cached = rig.say("find /var/app/nginx-cache -type f | wc -l");
    assert_ne!(cached, "0");
}
