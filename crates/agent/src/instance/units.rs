//! Installs units and drop-ins from the bundle's `systemd/`.
//!
//! The units of the instance (listeners, gate, front, timers, drop-ins) come from the newest bundle. The unit of a
//! run comes from its release (see `run.rs`).

use std::path::Path;

use anyhow::{Result, bail};
use flipless_settings::{FrontMode, layout, unit_file};

use crate::instance::labels;
use crate::instance::paths::{DROP_INS, EDITED_DROP_IN, RUNTIME_UNITS, UNITS};
use crate::instance::replaced::Replaced;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

mod stand_in;

pub use stand_in::verify_stand_in;

/// The folders for unit files (systemd.unit(5), "Unit File Load Path").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Folders on the disk.
    Lasting,
    /// Folders in `/run`, for a first version until its flip. A reboot before the flip removes the units, so that
    /// the instance is stock EB again.
    UntilReboot,
}

impl Place {
    fn units(self) -> &'static str {
        match self {
            Self::Lasting => UNITS,
            Self::UntilReboot => RUNTIME_UNITS,
        }
    }

    /// Lasting drop-ins are below /usr/lib, because EB may rewrite the folders of the same names below /etc.
    fn drop_ins(self) -> &'static str {
        match self {
            Self::Lasting => DROP_INS,
            Self::UntilReboot => RUNTIME_UNITS,
        }
    }
}

/// Installs the units in `bundle` that differ from those on the disk, and makes systemd read them. `replaced`
/// remembers the old files.
///
/// # Errors
/// If a new unit file changes the address of an active socket. At the next daemon-reload, systemd would drop the
/// listener and not open it again. In this case nothing is written.
pub fn install(
    system: &System,
    bundle: &Path,
    place: Place,
    replaced: &mut Replaced,
) -> Result<()> {
    let differing = differing(system, bundle, place)?;
    let systemd = Systemd::new(system);
    for unit in &differing {
        guard_address(system, &systemd, unit)?;
    }
    for Unit { target, content } in &differing {
        replaced.write(system, target, content, 0o644)?;
        labels::restore(system, &[target]);
    }
    if !differing.is_empty() {
        systemd.reload_units()?;
    }
    Ok(())
}

/// Moves the units of a first version from `/run` to the disk, and enables the units that a boot has to start. A
/// second call changes nothing.
pub fn settle(system: &System) -> Result<()> {
    let mut transient = installed_in(system, Place::UntilReboot)?;
    // Does not move the drop-in of a held run to the disk, because the handover will remove it from `/run`.
    transient.retain(|path| !path.contains("/flipless-app@"));
    for path in &transient {
        if let (Some(content), Some(name)) = (system.read(path)?, path.strip_prefix(RUNTIME_UNITS))
        {
            let folder = match name.matches('/').count() {
                1 => UNITS,
                _ => DROP_INS,
            };
            let path = format!("{folder}{name}");
            system.write(&path, &content, 0o644)?;
            labels::restore(system, &[&path]);
        }
    }
    if !transient.is_empty() {
        withdraw(system)?;
    }
    let systemd = Systemd::new(system);
    let mut units = vec![layout::APP_SOCKET, layout::GATE, layout::IDENTITY];
    units.extend(front_units(system.settings()?.front.mode));
    let states = systemd.property_of_each(&units, "UnitFileState")?;
    let missing: Vec<_> = units
        .into_iter()
        .zip(states)
        .filter(|(_, state)| state != "enabled")
        .map(|(unit, _)| unit)
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        // One call for all units, because each call makes systemd read all units again.
        false => systemd.enable(&missing),
    }
}

/// Removes the units in `/run`.
pub fn withdraw(system: &System) -> Result<()> {
    let transient = installed_in(system, Place::UntilReboot)?;
    for path in &transient {
        remove(system, path)?;
    }
    match transient.is_empty() {
        true => Ok(()),
        false => Systemd::new(system).reload_units(),
    }
}

/// Removes flipless's drop-in of one of EB's units, on the disk and in `/run`.
pub fn remove_drop_in(system: &System, unit: &str) -> Result<()> {
    for place in [Place::Lasting, Place::UntilReboot] {
        let path = format!("{}/{unit}.d/{}", place.drop_ins(), layout::DROP_IN);
        remove(system, &path)?;
    }
    Ok(())
}

/// Removes a unit file or drop-in. Also removes the folder of a drop-in if no other drop-in is left there.
pub fn remove(system: &System, path: &str) -> Result<()> {
    system.remove(path)?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    match folder.ends_with(".d") && system.names(folder)?.is_empty() {
        true => system.remove(folder),
        false => Ok(()),
    }
}

/// Returns the units of the front; none outside nginx mode.
fn front_units(mode: FrontMode) -> Vec<&'static str> {
    match mode {
        FrontMode::Nginx => vec![layout::FRONT_SOCKET, layout::FRONT, layout::LISTENERS_TIMER],
        FrontMode::Direct | FrontMode::Stock => Vec::new(),
    }
}

/// Returns every file that [`install`], [`settle`] or a run may have written, in any front mode.
pub fn installed(system: &System) -> Result<Vec<String>> {
    let mut paths = installed_in(system, Place::Lasting)?;
    paths.extend(installed_in(system, Place::UntilReboot)?);
    Ok(paths)
}

fn installed_in(system: &System, place: Place) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for name in system.names(place.units())? {
        if name.starts_with("flipless-") && !name.ends_with(".d") {
            paths.push(format!("{}/{name}", place.units()));
        }
    }
    for name in system.names(place.drop_ins())? {
        let folder = format!("{}/{name}", place.drop_ins());
        if name.starts_with("flipless-") && name.ends_with(".d") {
            let files = system.names(&folder)?.into_iter();
            let ours = files.filter(|file| file != EDITED_DROP_IN);
            paths.extend(ours.map(|file| format!("{folder}/{file}")));
        }
    }
    for unit in [layout::NGINX, layout::WEB] {
        let path = format!("{}/{unit}.d/{}", place.drop_ins(), layout::DROP_IN);
        if system.exists(&path) {
            paths.push(path);
        }
    }
    Ok(paths)
}

struct Unit {
    target: String,
    content: Vec<u8>,
}

/// Returns the bundle's unit files that are missing on the disk or differ there.
fn differing(system: &System, bundle: &Path, place: Place) -> Result<Vec<Unit>> {
    let mut units = Vec::new();
    for name in system.names(bundle.join("systemd"))? {
        let file = format!("systemd/{name}");
        if name.ends_with(".d") {
            for name_in_it in system.names(bundle.join(&file))? {
                let target = format!("{}/{name}/{name_in_it}", place.drop_ins());
                units.extend(unit(
                    system,
                    bundle,
                    &format!("{file}/{name_in_it}"),
                    target,
                )?);
            }
        } else if name != layout::APP_TEMPLATE {
            let target = format!("{}/{name}", place.units());
            units.extend(unit(system, bundle, &file, target)?);
        }
    }
    Ok(units)
}

fn unit(system: &System, bundle: &Path, file: &str, target: String) -> Result<Option<Unit>> {
    let Some(content) = system.read_in(bundle, file)? else {
        return Ok(None);
    };
    let same = system.read(&target)?.as_ref() == Some(&content);
    Ok((!same).then_some(Unit { target, content }))
}

fn guard_address(system: &System, systemd: &Systemd, unit: &Unit) -> Result<()> {
    let name = unit.target.rsplit('/').next().unwrap_or_default();
    let Some(on_disk) = system.read(&unit.target)? else {
        return Ok(());
    };
    if !name.ends_with(".socket") || !systemd.is_active(name)? {
        return Ok(());
    }
    let (old, new) = (addresses(&on_disk), addresses(&unit.content));
    // An additional address is allowed: systemd keeps the open descriptors.
    if old.iter().all(|address| new.contains(address)) {
        return Ok(());
    }
    bail!(
        "cannot change the address of {name} from {} to {}, since systemd would drop the listener: \
         deploy to a new environment, or run `{} uninstall` first",
        old.join(", "),
        new.join(", "),
        layout::AGENT
    )
}

/// Returns every `ListenStream=` in force. An empty value resets the list (systemd.socket(5)).
fn addresses(unit: &[u8]) -> Vec<String> {
    let directives = unit_file::parse(&String::from_utf8_lossy(unit));
    let mut addresses = Vec::new();
    for value in unit_file::values(&directives, "Socket", "ListenStream") {
        match value {
            "" => addresses.clear(),
            address => addresses.push(address.to_owned()),
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_systemd_reads_them() {
        let unit = b"[Socket]\n# ListenStream=1\nListenStream=0.0.0.0:80\n ListenStream = x\nListenStream=[::]:80\n";
        assert_eq!(addresses(unit), ["0.0.0.0:80", "x", "[::]:80"]);
        let reset =
            b"[Socket]\nListenStream=1\nListenStream=\nListenStream=2\n[Unit]\nListenStream=3\n";
        assert_eq!(addresses(reset), ["2"]);
    }
}
