//! Releases on the disk: the identity of one, and how it gets there. [`super::prune`] removes them.

use std::path::Path;

use anyhow::{Result, bail};
use flipless_settings::layout;

use crate::instance::digest::{of_bytes, of_tree};
use crate::instance::system::System;

/// Digits of an identity: 48 bits, far more than the few releases on one instance need.
const IDENTITY_DIGITS: usize = 12;

/// Copies the bundle in `source` to a directory of its own, with its environment, and gives its
/// identity: the content's and the environment's. Nothing long-lived may run from EB's application
/// directory, which the flip deletes.
pub fn install(system: &System, source: &Path, server: &str, environment: &str) -> Result<String> {
    let server = source.join("bin").join(server);
    if !system.exists(&server) {
        bail!(
            "{} is missing; `flipless stage` must run in an unpacked bundle",
            server.display()
        );
    }
    let mut content = of_tree(system, source)?;
    content.push_str(environment);
    let mut identity = identity_of(&content);
    while system.exists(folder(&identity)) {
        if content_of(system, &identity)?.as_deref() == Some(&content) {
            return Ok(identity);
        }
        // It was changed and may be running, so it stays; `prune` removes it when it is unused.
        identity = identity_of(&format!("{content}{identity}"));
    }
    let target = folder(&identity);
    let partial = format!("{}/.{identity}.partial", layout::RELEASES);
    system.remove(&partial)?;
    let fill = || -> Result<()> {
        system.copy_tree(source, format!("{partial}/app"))?;
        // Values may be secrets; systemd reads the file as root.
        system.write(
            format!("{partial}/environment"),
            environment.as_bytes(),
            0o600,
        )?;
        system.sync(&partial)?;
        system.rename(&partial, &target)
    };
    fill().inspect_err(|_| {
        let _ = system.remove(&partial);
    })?;
    Ok(identity)
}

fn identity_of(content: &str) -> String {
    of_bytes(content.as_bytes())[..IDENTITY_DIGITS].to_owned()
}

fn folder(identity: &str) -> String {
    format!("{}/{identity}", layout::RELEASES)
}

/// What the identity of a release on the disk is made of; `None` when it is not one, or not whole.
fn content_of(system: &System, identity: &str) -> Result<Option<String>> {
    let folder = folder(identity);
    if system.link_target(&folder).is_some() || !system.exists(format!("{folder}/app")) {
        return Ok(None);
    }
    let Some(environment) = system.read(format!("{folder}/environment"))? else {
        return Ok(None);
    };
    let mut content = of_tree(system, format!("{folder}/app"))?;
    content.push_str(&String::from_utf8_lossy(&environment));
    Ok(Some(content))
}

/// The releases on the disk; one that is still being copied is none yet.
pub fn installed(system: &System) -> Result<Vec<String>> {
    let mut names = system.names(layout::RELEASES)?;
    names.retain(|name| !name.starts_with('.'));
    Ok(names)
}

#[cfg(test)]
mod tests;
