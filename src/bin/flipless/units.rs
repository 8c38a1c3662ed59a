//! Units and drop-ins: from the bundle's `systemd/` to systemd.

use std::path::Path;

use anyhow::{Result, bail};
use flipless::constants::{FRONT_MODE, FrontMode};
use flipless::layout;

use crate::paths::{DROP_INS, UNITS};
use crate::system::System;
use crate::systemd::Systemd;

/// Installs the units of the bundle in `bundle` that differ from those on disk, and makes systemd
/// read them.
///
/// # Errors
/// When a socket's address would change while it serves: at the next daemon-reload systemd would
/// drop the listener, and nothing would bring it back. Nothing is written then.
pub fn install(system: &System, bundle: &Path) -> Result<Replaced> {
    let differing = differing(system, &bundle.join("systemd"))?;
    let systemd = Systemd::new(system);
    let mut replaced = Replaced(Vec::new());
    for unit in &differing {
        guard_address(system, &systemd, unit)?;
        replaced
            .0
            .push((unit.target.clone(), system.read(&unit.target)?));
    }
    for Unit { target, content } in &differing {
        system.write(target, content, 0o644)?;
    }
    if !differing.is_empty() {
        systemd.reload_units()?;
    }
    for unit in [layout::APP_SOCKET, layout::GATE]
        .into_iter()
        .chain(front_units())
    {
        systemd.enable(unit)?;
    }
    Ok(replaced)
}

/// The unit files as they were before [`install`]; none where there was no file.
pub struct Replaced(Vec<(String, Option<Vec<u8>>)>);

impl Replaced {
    /// Puts files that were replaced back: the current release restarts as it was started. New files
    /// stay, they are needed by the next attempt.
    pub fn restore(&self, system: &System) -> Result<()> {
        let mut changed = false;
        for (path, content) in &self.0 {
            if let Some(content) = content {
                system.write(path, content, 0o644)?;
                changed = true;
            }
        }
        if changed {
            Systemd::new(system).reload_units()
        } else {
            Ok(())
        }
    }
}

/// The units that hold the public port, in nginx mode.
pub fn front_units() -> Vec<&'static str> {
    match FRONT_MODE {
        FrontMode::Nginx => vec![layout::FRONT_SOCKET, layout::FRONT],
        FrontMode::Direct | FrontMode::Stock => Vec::new(),
    }
}

/// Every file that [`install`] may have written, of any front mode.
pub fn installed(system: &System) -> Result<Vec<String>> {
    let ours = |name: &String| name.starts_with("flipless-");
    let units = system.names(UNITS)?.into_iter().filter(ours);
    let mut paths: Vec<String> = units.map(|name| format!("{UNITS}/{name}")).collect();
    for unit in ["nginx.service", "web.service"] {
        paths.push(format!("{DROP_INS}/{unit}.d/{}", layout::DROP_IN));
    }
    paths.retain(|path| system.exists(path) && !system.locate(path).is_dir());
    Ok(paths)
}

/// Checks what systemd makes of nginx.service: a drop-in that sorts after ours wins, and would let EB
/// stop the real nginx.
pub fn verify_stand_in(system: &System) -> Result<()> {
    if FRONT_MODE != FrontMode::Nginx {
        return Ok(());
    }
    let systemd = Systemd::new(system);
    let nginx = |name: &str| systemd.property("nginx.service", name);
    let expected = [
        ("Type", nginx("Type")? == "notify"),
        ("PIDFile", nginx("PIDFile")?.is_empty()),
        (
            "ExecStart",
            nginx("ExecStart")?.contains(&format!("path={} ;", layout::AGENT)),
        ),
        ("ExecStop", nginx("ExecStop")?.is_empty()),
        ("ExecStopPost", nginx("ExecStopPost")?.is_empty()),
    ];
    let wrong: Vec<&str> = expected
        .iter()
        .filter(|(_, fine)| !fine)
        .map(|(key, _)| *key)
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    bail!(
        "another drop-in of nginx.service overrides {} of the stand-in's: \
         `systemctl cat nginx.service` shows which; set it on {} instead",
        wrong.join(", "),
        layout::FRONT
    )
}

struct Unit {
    target: String,
    content: Vec<u8>,
}

/// The bundle's unit files that are not on the disk as they should be. Drop-ins for EB's units go
/// below /usr/lib, which EB does not rewrite.
fn differing(system: &System, folder: &Path) -> Result<Vec<Unit>> {
    let mut units = Vec::new();
    for name in system.names(folder)? {
        if name.ends_with(".d") {
            for file in system.names(folder.join(&name))? {
                let target = format!("{DROP_INS}/{name}/{file}");
                units.extend(unit(system, &folder.join(&name).join(&file), target)?);
            }
        } else {
            units.extend(unit(
                system,
                &folder.join(&name),
                format!("{UNITS}/{name}"),
            )?);
        }
    }
    Ok(units)
}

fn unit(system: &System, source: &Path, target: String) -> Result<Option<Unit>> {
    let Some(content) = system.read(source)? else {
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
        "{name} serves on {}, the bundle wants {}: systemd would drop the listener. \
         Deploy to a new environment, or run `{} uninstall` first",
        old.join(", "),
        new.join(", "),
        layout::AGENT
    )
}

fn addresses(unit: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(unit).into_owned();
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("ListenStream="))
        .map(|address| address.trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_every_listen_stream() {
        let unit = b"[Socket]\n# ListenStream=1\nListenStream=0.0.0.0:80\n ListenStream = x\nListenStream=[::]:80\n";
        assert_eq!(addresses(unit), ["0.0.0.0:80", "[::]:80"]);
    }
}
