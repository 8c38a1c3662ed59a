//! The folder of EB's enhanced health log. In direct mode the server writes it, so `stage` changes its owner and mode.
//! Giving the instance back restores both.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use anyhow::{Context, Result, bail};
use flipless_settings::layout;
use serde::{Deserialize, Serialize};

use crate::instance::paths::HEALTH_LOG;
use crate::instance::system::System;

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

/// Remembers the owner and the mode of the folder, once.
pub fn remember(system: &System) -> Result<()> {
    if system.exists(file()) {
        return Ok(());
    }
    let folder = system.locate(HEALTH_LOG).metadata();
    let folder = folder.with_context(|| format!("cannot look at {HEALTH_LOG}"))?;
    let before = Before {
        uid: folder.uid(),
        gid: folder.gid(),
        mode: folder.mode() & 0o7777,
    };
    system.write(file(), &serde_json::to_vec(&before)?, 0o600)
}

/// Restores the owner and the mode. Does nothing outside direct mode, and in a second call.
pub fn restore(system: &System) -> Result<()> {
    let Some(content) = system.read(file())? else {
        return Ok(());
    };
    let folder = system.locate(HEALTH_LOG);
    // A damaged record must not keep the instance from stock EB.
    if let Ok(before) = serde_json::from_slice::<Before>(&content)
        && folder.is_dir()
    {
        let owner = format!("{}:{}", before.uid, before.gid);
        let owned = system.run("chown", &[&owner, &folder.to_string_lossy()])?;
        if !owned.status.success() {
            let said = String::from_utf8_lossy(&owned.stderr);
            bail!("cannot restore the owner of {HEALTH_LOG}: {}", said.trim());
        }
        // The mode comes second, because chown(2) clears bits of it.
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(before.mode))?;
    }
    system.remove(file())
}
