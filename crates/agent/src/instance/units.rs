//! Units and drop-ins: from the bundle's `systemd/` to systemd.
//!
//! The units of the instance (listeners, gate, front, timers, drop-ins) are those of the newest bundle.
//! The unit of a run is its release's own: see `run.rs`.

use std::path::Path;

use anyhow::{Result, bail};
use flipless_settings::{FrontMode, layout, unit_file};

use crate::instance::paths::{DROP_INS, RUNTIME_UNITS, UNITS};
use crate::instance::replaced::Replaced;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

mod stand_in;

pub use stand_in::verify_stand_in;

/// Where unit files go (systemd.unit(5), "Unit File Load Path").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where every boot finds them.
    Lasting,
    /// Where a reboot forgets them: until a first version serves, it gives the stock instance back.
    UntilReboot,
}

impl Place {
    fn units(self) -> &'static str {
        match self {
            Self::Lasting => UNITS,
            Self::UntilReboot => RUNTIME_UNITS,
        }
    }

    /// Lasting ones below /usr/lib: EB may rewrite the folders of the same names below /etc.
    fn drop_ins(self) -> &'static str {
        match self {
            Self::Lasting => DROP_INS,
            Self::UntilReboot => RUNTIME_UNITS,
        }
    }
}

/// Installs the units of the bundle in `bundle` that differ from those on disk, and makes systemd
/// read them; `replaced` remembers what was there.
///
/// # Errors
/// When a socket's address would change while it serves: at the next daemon-reload systemd would
/// drop the listener, and nothing would bring it back. Nothing is written then.
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
    }
    if !differing.is_empty() {
        systemd.reload_units()?;
    }
    Ok(())
}

/// Makes the units of a first version lasting, and has every boot start what is needed. A second call
/// finds nothing to do.
pub fn settle(system: &System) -> Result<()> {
    let transient = installed_in(system, Place::UntilReboot)?;
    for path in &transient {
        if let (Some(content), Some(name)) = (system.read(path)?, path.strip_prefix(RUNTIME_UNITS))
        {
            let folder = match name.matches('/').count() {
                1 => UNITS,
                _ => DROP_INS,
            };
            system.write(format!("{folder}{name}"), &content, 0o644)?;
        }
    }
    if !transient.is_empty() {
        withdraw(system)?;
    }
    let systemd = Systemd::new(system);
    let mut units = vec![layout::APP_SOCKET, layout::GATE];
    units.extend(front_units(system.settings()?.front.mode));
    let mut missing = Vec::new();
    for unit in units {
        if systemd.property(unit, "UnitFileState")? != "enabled" {
            missing.push(unit);
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        // One call: each makes systemd read all units again.
        false => systemd.enable(&missing),
    }
}

/// Takes units that are there until the next reboot out of systemd's sight.
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

/// Removes a unit file or drop-in, and the drop-in's folder with its last file.
pub fn remove(system: &System, path: &str) -> Result<()> {
    system.remove(path)?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    match folder.ends_with(".d") && system.names(folder)?.is_empty() {
        true => system.remove(folder),
        false => Ok(()),
    }
}

/// The units that hold the public port, in nginx mode.
fn front_units(mode: FrontMode) -> Vec<&'static str> {
    match mode {
        FrontMode::Nginx => vec![layout::FRONT_SOCKET, layout::FRONT],
        FrontMode::Direct | FrontMode::Stock => Vec::new(),
    }
}

/// Every file that [`install`], [`settle`] or a run may have written, of any front mode.
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
            let files = system.names(&folder)?;
            paths.extend(files.into_iter().map(|file| format!("{folder}/{file}")));
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

/// The bundle's unit files that are not on the disk as they should be.
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
    // An added address keeps the descriptors that there are.
    if old.iter().all(|address| new.contains(address)) {
        return Ok(());
    }
    bail!(
        "{name} listens on {}, and the bundle wants {}; systemd would drop the listener. \
         Deploy to a new environment, or run `{} uninstall` first",
        old.join(", "),
        new.join(", "),
        layout::AGENT
    )
}

/// Every `ListenStream=` in force. An empty one resets the list (systemd.socket(5)).
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
