//! The lock file of the server, which `dist` needs.

use anyhow::Result;
use tempfile::TempPath;

use super::server::Server;
use crate::tools;

/// Makes a lock file if the server's workspace has none. Returns its path. Dropping this value removes the file again,
/// unless the caller calls `keep`.
///
/// # Errors
/// If cargo can't make the lock file.
pub fn complete(server: &Server) -> Result<Option<TempPath>> {
    let Some(workspace) = server.workspace() else {
        return Ok(None);
    };
    let lock = workspace.root().join("Cargo.lock");
    if lock.exists() {
        return Ok(None);
    }
    let mut cargo = tools::cargo();
    cargo.args(["generate-lockfile", "--quiet", "--manifest-path"]);
    cargo
        .arg(&workspace.cargo_toml)
        .current_dir(workspace.root());
    tools::output(&mut cargo)?;
    Ok(Some(TempPath::try_from_path(lock)?))
}
