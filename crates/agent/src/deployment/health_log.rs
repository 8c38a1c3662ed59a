//! The folder of the log for EB's enhanced health. In direct mode the server writes this log, so the flip lets the
//! server's group write to the folder. When the agent gives the instance back, it restores the folder and its files.
//!
//! The server's group does not become the folder's own group. On EB logrotate(8) rotates this log, but it skips a
//! folder that a group other than root's owns and can write to. So an access control list lets the server's group
//! write.

use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result, bail};
use flipless_settings::{FrontMode, layout};
use serde::{Deserialize, Serialize};

use crate::instance::output::say;
use crate::instance::paths::HEALTH_LOG;
use crate::instance::system::{System, open_plain};
use crate::instance::{acl, user};

/// The right of a file's group to write.
const GROUP_WRITES: u32 = 0o020;

/// Owner and mode of the folder before the first version.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Before {
    uid: u32,
    gid: u32,
    mode: u32,
}

fn file() -> String {
    format!("{}/health-log.json", layout::STATE_FOLDER)
}

/// Makes the folder if it is missing, because a run only sees a folder that exists at its start. Changes nothing else:
/// EB's nginx writes the log until the flip.
pub fn make(system: &System) -> Result<()> {
    match is_written_by_server(system)? {
        true => system.make_folder(HEALTH_LOG),
        false => Ok(()),
    }
}

/// Lets the server write the log from now on. A failure is only a warning, because the server works without this log.
pub fn share(system: &System) {
    let share = || match is_written_by_server(system)? {
        true => remember(system).and_then(|()| share_all(system)),
        false => Ok(()),
    };
    if let Err(error) = share() {
        say(&format!(
            "warning: the server can't write EB's health log: {error:#}"
        ));
    }
}

fn is_written_by_server(system: &System) -> Result<bool> {
    Ok(system.settings()?.front.mode == FrontMode::Direct)
}

/// Remembers the owner and the mode of the folder, once.
fn remember(system: &System) -> Result<()> {
    if system.exists(file()) {
        return Ok(());
    }
    let folder = system.locate(HEALTH_LOG).metadata();
    let folder =
        folder.with_context(|| format!("cannot read the owner and the mode of {HEALTH_LOG}"))?;
    let before = Before {
        uid: folder.uid(),
        gid: folder.gid(),
        mode: folder.mode() & 0o7777,
    };
    system.write(file(), &serde_json::to_vec(&before)?, 0o600)
}

fn share_all(system: &System) -> Result<()> {
    let group = user::group(system)?.with_context(|| format!("no group {}", user::NAME))?;
    let folder = Path::new(HEALTH_LOG);
    own(system, ":0", HEALTH_LOG)?;
    if acl::let_write(system, folder, group).is_err() {
        // The file system has no access control lists, so the server's group becomes the folder's own group. logrotate
        // then skips the folder.
        own(system, &format!(":{group}"), HEALTH_LOG)?;
        std::fs::set_permissions(system.locate(folder), Permissions::from_mode(0o775))?;
    }
    // The server continues the file of this hour, which nginx has begun.
    for path in files(system)? {
        own(system, &format!(":{group}"), &path)?;
        change_mode(system, &path, |mode| mode | GROUP_WRITES)?;
    }
    Ok(())
}

/// Restores the folder, and gives its files to the folder's owner, so that nginx continues the file of this hour. Does
/// nothing if the flip has not shared the folder, or if the folder is already restored.
pub fn restore(system: &System) -> Result<()> {
    let Some(content) = system.read(file())? else {
        return Ok(());
    };
    // Ignores a damaged record, so that the agent can still give the instance back.
    if let Ok(before) = serde_json::from_slice::<Before>(&content)
        && system.locate(HEALTH_LOG).is_dir()
    {
        let owner = format!("{}:{}", before.uid, before.gid);
        for path in files(system)? {
            own(system, &owner, &path)?;
            change_mode(system, &path, |mode| mode & !GROUP_WRITES)?;
        }
        own(system, &owner, HEALTH_LOG)?;
        acl::remove(system, Path::new(HEALTH_LOG))?;
        // The mode comes last, because chown(2) clears bits of it.
        let folder = system.locate(HEALTH_LOG);
        std::fs::set_permissions(&folder, Permissions::from_mode(before.mode))?;
    }
    system.remove(file())
}

/// Returns the paths of the log's own files. The server may have put other files into the folder.
fn files(system: &System) -> Result<Vec<String>> {
    let names = system.names(HEALTH_LOG)?.into_iter();
    let ours = names.filter(|name| name.starts_with("application.log"));
    let paths = ours.map(|name| format!("{HEALTH_LOG}/{name}"));
    Ok(paths.filter(|path| plain(system, path).is_some()).collect())
}

/// Opens a regular file that has no second hard link; `None` for anything else.
fn plain(system: &System, path: &str) -> Option<File> {
    let file = open_plain(&system.locate(path)).ok()?;
    let is_alone = file.metadata().is_ok_and(|file| file.nlink() == 1);
    is_alone.then_some(file)
}

fn change_mode(system: &System, path: &str, change: impl FnOnce(u32) -> u32) -> Result<()> {
    let Some(file) = plain(system, path) else {
        return Ok(());
    };
    let mode = file.metadata()?.mode() & 0o777;
    file.set_permissions(Permissions::from_mode(change(mode)))
        .with_context(|| format!("cannot change the mode of {path}"))
}

/// Changes the owner or group with `chown -h`, which follows no link (chown(1)).
fn own(system: &System, owner: &str, path: &str) -> Result<()> {
    let place = system.locate(path);
    let owned = system.run("chown", &["-h", owner, &place.to_string_lossy()])?;
    if !owned.status.success() {
        let said = String::from_utf8_lossy(&owned.stderr);
        bail!("cannot change the owner of {path}: {}", said.trim());
    }
    Ok(())
}
