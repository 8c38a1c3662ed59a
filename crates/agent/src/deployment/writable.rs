//! Checks the folders that a server may write to, before anything starts. systemd does not report a missing folder: it
//! starts the server without this folder, and the server fails later.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use anyhow::Result;
use flipless_settings::{Server, writable};

use crate::instance::system::System;
use crate::instance::user;
use crate::proxy::advice::Advice;

/// Checks each of `writable-paths`.
///
/// # Errors
/// If a path is not a folder, or leads to a folder that no server may write to. With `own-user`, also if the common
/// group of the runs' users may not write to the folder.
pub fn check(system: &System, server: &Server) -> Result<()> {
    for path in &server.writable_paths {
        let folder = folder(system, path)?;
        if server.own_user && !is_shared(system, &folder)? {
            return Err(not_shared(path).into());
        }
    }
    Ok(())
}

fn folder(system: &System, path: &str) -> Result<Metadata, Advice> {
    let found = system.locate(path).canonicalize();
    let found = found.and_then(|place| Ok((place.metadata()?, place)));
    let (metadata, place) =
        found.map_err(|error| match (error.kind(), system.link_target(path)) {
            (io::ErrorKind::NotFound, None) => unusable(path, "it does not exist", &create(path)),
            (io::ErrorKind::NotFound, Some(target)) => {
                let target = target.display();
                let why = format!("it is a link to {target}, which does not exist");
                unusable(path, &why, &create(&target.to_string()))
            }
            _ => unusable(path, &error.to_string(), "name an existing folder"),
        })?;
    if !metadata.is_dir() {
        let hint = "name the folder that contains the file";
        return Err(unusable(path, "it is not a folder", hint));
    }
    let place = on_the_instance(system, &place);
    match writable::refusal(&place) {
        None => Ok(metadata),
        Some(why) => {
            let why = format!("it leads to {place}; {why}");
            Err(unusable(path, &why, "name another folder"))
        }
    }
}

/// Returns the path that a real path has on the instance. The two differ only in a test, where the instance has another
/// root.
fn on_the_instance(system: &System, place: &Path) -> String {
    let root = system.locate("/").canonicalize().unwrap_or_default();
    let inside = place.strip_prefix(root).unwrap_or(place);
    Path::new("/").join(inside).display().to_string()
}

fn unusable(path: &str, why: &str, hint: &str) -> Advice {
    Advice {
        reason: format!(
            "the server can't write to {path}, which [server] writable-paths names: {why}"
        ),
        hint: hint.into(),
    }
}

fn create(path: &str) -> String {
    format!(
        "create the folder in a predeploy hook, for example with `mkdir -p {path} && chown {0}:{0} {path}`, or remove \
         it from writable-paths",
        user::NAME
    )
}

/// Returns whether all runs may write to the folder: because their group may, or because any user may.
fn is_shared(system: &System, folder: &Metadata) -> Result<bool> {
    let mode = folder.permissions().mode();
    let by_group = mode & 0o020 != 0 && user::group(system)? == Some(folder.gid());
    Ok(by_group || mode & 0o002 != 0)
}

fn not_shared(path: &str) -> Advice {
    let group = user::NAME;
    let why = format!(
        "with `own-user = true` each start of the server runs as another user of the group `{group}`, and this group \
         has no right to write"
    );
    let hint = format!(
        "`chgrp -R {group} {path} && chmod -R g+w {path}` in a predeploy hook gives the group this right; \
         with `own-user = false` the server runs as the user `{group}`"
    );
    unusable(path, &why, &hint)
}

#[cfg(test)]
mod tests;
