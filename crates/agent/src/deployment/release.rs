//! Releases on the disk: their identities and their installation. [`super::prune`] removes releases.

use std::path::Path;

use anyhow::{Result, bail};
use flipless_settings::layout;

use super::file_times;
use crate::instance::digest::{of_bytes, of_tree};
use crate::instance::system::System;
use crate::instance::user;

/// The number of hexadecimal digits in an identity. 12 digits are 48 bits, which is enough for the few releases of one
/// instance.
const IDENTITY_DIGITS: usize = 12;

/// Copies the bundle in `source` and its environment to a folder of their own, and returns the identity of this
/// release: a digest of both. No run may use EB's application folder, because the flip deletes that folder.
pub fn install(system: &System, source: &Path, server: &str, environment: &str) -> Result<String> {
    let server = source.join("bin").join(server);
    if !system.exists(&server) {
        bail!(
            "{} is missing; `flipless stage` must run in an unpacked bundle",
            server.display()
        );
    }
    let content = content(system, source, environment)?;
    file_times::set(system, source, &content)?;
    share_with_last(system, source)?;
    add(system, source, environment, &content)
}

/// Copies a release with another environment, and returns the identity of the new release.
pub fn with_environment(system: &System, release: &str, environment: &str) -> Result<String> {
    let source = format!("{}/app", folder(release));
    let content = content(system, Path::new(&source), environment)?;
    add(system, Path::new(&source), environment, &content)
}

/// Lets the bundle in `source` share its blocks on the disk with the last release, if the file system can do that, as
/// XFS can. On such a file system a copy takes no space, because it shares the blocks of its source. So the new
/// release, which is a copy of the bundle, shares its blocks with the last release, and needs space only for its
/// changes.
///
/// Without this step the copy would share its blocks only with EB's folder, which the next flip removes. On other file
/// systems, such as ext4, a release is a plain copy. Hard links would not be safe: root can change a file in place, and
/// the release for a rollback must not change with it.
fn share_with_last(system: &System, source: &Path) -> Result<()> {
    if let Some(last) = last(system)? {
        // An error only means that the release takes more space.
        let _ = system.share_tree(format!("{}/app", folder(&last)), source);
    }
    Ok(())
}

/// Returns the newest release on the disk.
fn last(system: &System) -> Result<Option<String>> {
    let age = |name: &String| {
        let metadata = system.locate(folder(name)).symlink_metadata().ok()?;
        metadata.modified().ok()
    };
    Ok(installed(system)?.into_iter().max_by_key(age))
}

fn add(system: &System, source: &Path, environment: &str, content: &str) -> Result<String> {
    let mut identity = identity_of(content);
    while system.exists(folder(&identity)) {
        if content_of(system, &identity)?.as_deref() == Some(content) {
            return Ok(identity);
        }
        // The release on the disk was modified, and a run may use it. So it stays until `prune` finds it unused.
        identity = identity_of(&format!("{content}{identity}"));
    }
    fill(system, source, &identity, environment)?;
    Ok(identity)
}

fn fill(system: &System, source: &Path, identity: &str, environment: &str) -> Result<()> {
    let partial = format!("{}/.{identity}.partial", layout::RELEASES);
    system.remove(&partial)?;
    let fill = || -> Result<()> {
        // Each run is in this group.
        let group = user::group(system)?;
        system.copy_tree(source, format!("{partial}/app"), group)?;
        // Values may be secrets, so only root may read the file. systemd reads it as root.
        system.write(
            format!("{partial}/environment"),
            environment.as_bytes(),
            0o600,
        )?;
        system.sync(&partial)?;
        system.rename(&partial, folder(identity))
    };
    fill().inspect_err(|_| {
        let _ = system.remove(&partial);
    })
}

fn identity_of(content: &str) -> String {
    of_bytes(content.as_bytes())[..IDENTITY_DIGITS].to_owned()
}

fn folder(identity: &str) -> String {
    format!("{}/{identity}", layout::RELEASES)
}

/// Returns the text whose digest is the identity of a release.
fn content(system: &System, bundle: &Path, environment: &str) -> Result<String> {
    Ok(of_tree(system, bundle)? + environment)
}

/// Returns the text of [`content`] for a release on the disk; `None` if the folder is not a complete release.
fn content_of(system: &System, identity: &str) -> Result<Option<String>> {
    let folder = folder(identity);
    if system.link_target(&folder).is_some() || !system.exists(format!("{folder}/app")) {
        return Ok(None);
    }
    let Some(environment) = system.read(format!("{folder}/environment"))? else {
        return Ok(None);
    };
    let environment = String::from_utf8_lossy(&environment);
    let app = format!("{folder}/app");
    content(system, Path::new(&app), &environment).map(Some)
}

/// Returns the releases on the disk, without unfinished copies.
pub fn installed(system: &System) -> Result<Vec<String>> {
    let mut names = system.names(layout::RELEASES)?;
    names.retain(|name| !name.starts_with('.'));
    Ok(names)
}

#[cfg(test)]
mod tests;
