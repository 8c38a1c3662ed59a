//! Makes the versions that a soak deploys, and identifies the version of a release.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use flipless_settings::layout;

use crate::bundle::{self, BundleError, Changes};

/// The number of versions that are deployed before the load begins, so that a rollback has a target.
pub(super) const EARLIER: u32 = 2;
/// The property that a soak changes.
pub(super) const PROPERTY: &str = "REHEARSAL_STEP";
/// The page at which nginx returns the number of its configuration.
pub(super) const PROXY_PAGE: &str = "/rehearsal-proxy";
const PROXY_FILE: &str = ".platform/nginx/conf.d/elasticbeanstalk/rehearsal.conf";
const VERSION_FILE: &str = "REHEARSAL";

/// Identifies a release by its version and its property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    pub version: u32,
    pub property: u32,
}

impl Label {
    /// Returns the label of a release on the instance with the root directory `root`; `None` if the soak did not deploy
    /// the release.
    pub fn of(root: &Path, release: &str) -> Option<Self> {
        let folder = root.join(&layout::RELEASES[1..]).join(release);
        let version = fs::read_to_string(folder.join("app").join(VERSION_FILE)).ok()?;
        let environment = fs::read_to_string(folder.join("environment")).ok()?;
        let set = environment.lines().find_map(|line| {
            let value = line.strip_prefix(PROPERTY)?.strip_prefix('=')?;
            value.trim_matches('"').parse().ok()
        });
        Some(Self {
            version: version.trim().parse().ok()?,
            property: set.unwrap_or(0),
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "version {} with property {}",
            self.version, self.property
        )
    }
}

/// Makes versions from one bundle.
#[derive(Debug)]
pub(super) struct Versions {
    pub original: PathBuf,
    pub folder: PathBuf,
}

impl Versions {
    /// Makes the bundle of a version with this proxy configuration, and with a hook (path and script) if given.
    pub fn make(
        &self,
        version: u32,
        proxy: u32,
        hook: Option<(&str, &str)>,
    ) -> Result<PathBuf, BundleError> {
        // Every version uses the same path, because EB has its own copy of the bundle.
        let path = self.folder.join("soak.zip");
        let number = version.to_string();
        let page = format!("location = {PROXY_PAGE} {{ return 200 \"{proxy}\"; }}\n");
        let mut files = vec![
            (VERSION_FILE, number.as_str(), 0o644),
            (PROXY_FILE, page.as_str(), 0o644),
        ];
        files.extend(hook.map(|(path, script)| (path, script, 0o755)));
        let changes = Changes {
            files: &files,
            ..Changes::default()
        };
        bundle::changed(&self.original, &path, &changes)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_release_is_known_by_its_files() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("opt/flipless/releases/abc");
        fs::create_dir_all(folder.join("app")).unwrap();
        assert_eq!(Label::of(root.path(), "abc"), None);
        fs::write(folder.join("app/REHEARSAL"), "12").unwrap();
        fs::write(folder.join("environment"), "A=\"1\"\n").unwrap();
        let label = |version, property| Some(Label { version, property });
        assert_eq!(Label::of(root.path(), "abc"), label(12, 0));
        fs::write(
            folder.join("environment"),
            "A=\"1\"\nREHEARSAL_STEP=\"7\"\n",
        )
        .unwrap();
        assert_eq!(Label::of(root.path(), "abc"), label(12, 7));
    }
}
