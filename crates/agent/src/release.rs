//! Releases on the disk: what makes one, how it gets there, when it goes.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result, bail};
use flipless_settings::layout;
use sha2::{Digest, Sha256};

use crate::paths::UNITS;
use crate::state::State;
use crate::system::{System, open_plain};
use crate::systemd::Systemd;
use crate::{ends, run};

/// Digits of an identity: 48 bits, far more than the few releases on one instance need.
const IDENTITY_DIGITS: usize = 12;

/// Copies the bundle in `source` to a directory of its own, with its environment, and gives its
/// identity: the content's and the environment's. Nothing long-lived may run from EB's application
/// directory, which the flip deletes.
pub fn install(system: &System, source: &Path, server: &str, environment: &str) -> Result<String> {
    let server = source.join("bin").join(server);
    if !system.exists(&server) {
        bail!(
            "there is no {}: `flipless stage` runs in an unpacked bundle",
            server.display()
        );
    }
    let mut content = digest_tree(system, source)?;
    content.push_str(environment);
    let mut identity = identity_of(&content);
    while system.exists(folder(&identity)) {
        if content_of(system, &identity)?.as_deref() == Some(&content) {
            return Ok(identity);
        }
        // Somebody changed it, and it may be running: it stays, and goes when nobody needs it.
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
    hex(&Sha256::digest(content.as_bytes()))[..IDENTITY_DIGITS].to_owned()
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
    let mut content = digest_tree(system, format!("{folder}/app"))?;
    content.push_str(&String::from_utf8_lossy(&environment));
    Ok(Some(content))
}

/// The releases on the disk; one that is still being copied is none yet.
pub fn installed(system: &System) -> Result<Vec<String>> {
    let mut names = system.names(layout::RELEASES)?;
    names.retain(|name| !name.starts_with('.'));
    Ok(names)
}

/// A digest of everything in a tree: paths, kinds, exec bits, contents.
pub fn digest_tree(system: &System, folder: impl AsRef<Path>) -> Result<String> {
    let root = system.locate(folder);
    let mut digest = Sha256::new();
    for entry in walkdir::WalkDir::new(&root)
        .min_depth(1)
        .sort_by_file_name()
    {
        let entry = entry.context("cannot read the tree")?;
        let path = entry.path();
        digest.update(path.strip_prefix(&root)?.as_os_str().as_bytes());
        let kind = entry.file_type();
        if kind.is_symlink() {
            digest.update(b"\0l");
            digest.update(fs::read_link(path)?.as_os_str().as_bytes());
        } else if kind.is_file() {
            let metadata = entry.metadata()?;
            let executable = metadata.permissions().mode() & 0o100 != 0;
            digest.update(if executable { b"\0x" } else { b"\0f" });
            digest.update(metadata.len().to_le_bytes());
            open_plain(path)
                .and_then(|mut file| io::copy(&mut file, &mut Writer(&mut digest)))
                .with_context(|| format!("cannot read {path:?}"))?;
        } else {
            digest.update(if kind.is_dir() { b"\0d" } else { b"\0o" });
        }
        digest.update(b"\0");
    }
    Ok(hex(&digest.finalize()))
}

/// A digest of some bytes, as text.
pub fn hex_digest(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

/// [`prune`]; what can't be removed now is removed next time, and fails nothing.
pub fn prune_or_say(system: &System, state: &State) {
    if let Err(error) = prune(system, state) {
        eprintln!("flipless: old releases stay for now: {error:#}");
    }
}

/// Removes what nobody needs any more: releases beyond the number to keep, links of runs that ended,
/// and leftovers of an interrupted copy.
pub fn prune(system: &System, state: &State) -> Result<()> {
    let systemd = Systemd::new(system);
    let living = systemd.living_units("flipless-app@*.service")?;
    let living: Vec<&str> = living.iter().filter_map(|unit| run_of_unit(unit)).collect();
    let staged = state.staged.as_ref().map(|staged| &staged.run);
    let known = |run: &str| {
        let in_state = [state.current.as_ref(), staged];
        in_state.into_iter().flatten().any(|known| known.run == run) || living.contains(&run)
    };
    for run in runs(system)? {
        if !known(&run) {
            run::forget(system, &run)?;
        }
    }
    // What an agent that was killed was about to rename.
    let half_written = |name: &String| name.starts_with("flipless-") && name.ends_with(".new");
    for name in system.names(UNITS)?.into_iter().filter(half_written) {
        system.remove(format!("{UNITS}/{name}"))?;
    }
    // The last handover's end is what `status` tells of it.
    let last = state.handover.as_ref().map(|handover| &handover.from);
    ends::prune(system, |run| {
        known(run) || last.is_some_and(|from| from == run)
    })?;
    let mut in_use = state.releases_in_use();
    in_use.extend(
        living
            .iter()
            .filter_map(|run| run.rsplit_once('-'))
            .map(|(release, _)| release),
    );
    for release in superfluous(system, &in_use)? {
        system.remove(format!("{}/{release}", layout::RELEASES))?;
    }
    Ok(())
}

/// Every run that has left a link or a unit.
fn runs(system: &System) -> Result<BTreeSet<String>> {
    let units = system.names(UNITS)?;
    let of_units = units.iter().filter_map(|unit| run_of_unit(unit));
    let mut runs: BTreeSet<String> = of_units.map(String::from).collect();
    runs.extend(system.names(layout::RUNS)?);
    Ok(runs)
}

/// Releases to remove: the oldest of those not in use, until the number to keep is reached.
fn superfluous(system: &System, in_use: &[&str]) -> Result<Vec<String>> {
    let mut unused = Vec::new();
    let names = system.names(layout::RELEASES)?;
    let kept = names
        .iter()
        .filter(|name| in_use.contains(&name.as_str()))
        .count();
    for name in names {
        if !in_use.contains(&name.as_str()) {
            let path = system.locate(format!("{}/{name}", layout::RELEASES));
            unused.push((
                name.ends_with(".partial"),
                path.metadata()?.modified()?,
                name,
            ));
        }
    }
    // Leftovers first, then by age.
    unused.sort_by(|a, b| (b.0, a.1).cmp(&(a.0, b.1)));
    let room = system.settings()?.deploy.keep_releases.saturating_sub(kept);
    let partial = unused.iter().filter(|(partial, ..)| *partial).count();
    let remove = unused.len().saturating_sub(room).max(partial);
    Ok(unused
        .into_iter()
        .take(remove)
        .map(|(_, _, name)| name)
        .collect())
}

/// The run that a unit is of; the template's is none.
pub fn run_of_unit(unit: &str) -> Option<&str> {
    let run = unit
        .strip_prefix("flipless-app@")?
        .strip_suffix(".service")?;
    (!run.is_empty()).then_some(run)
}

struct Writer<'a>(&'a mut Sha256);

impl io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
