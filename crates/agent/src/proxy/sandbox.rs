//! The sandbox of the front: the lines of its unit that affect its processes. The tests of a configuration use these
//! lines. If the lines change, the agent replaces the front.

use std::path::Path;

use anyhow::Result;
use flipless_settings::{layout, unit_file};

use crate::instance::paths::{DROP_INS, RUNTIME_UNITS, UNITS};
use crate::instance::system::System;

/// Lines that only systemd itself uses. They do not affect the process.
const OF_THE_MANAGER: [&str; 13] = [
    "Type",
    "NotifyAccess",
    "NonBlocking",
    "Sockets",
    "PIDFile",
    "GuessMainPID",
    "RemainAfterExit",
    "SendSIGKILL",
    "SendSIGHUP",
    "FinalKillSignal",
    "SyslogIdentifier",
    "StandardOutput",
    "StandardError",
];

/// Prefixes of further such lines. A bare `Exec` would also match `ExecPaths=`, which affects the process.
const GROUPS_OF_THE_MANAGER: [&str; 8] = [
    "ExecStart",
    "ExecStop",
    "ExecReload",
    "ExecCondition",
    "Restart",
    "Timeout",
    "Kill",
    "FileDescriptorStore",
];

/// Returns the sandbox lines of a unit and its drop-ins, as `Key=Value`, in their order.
pub fn lines<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let directives = texts.into_iter().flat_map(unit_file::parse);
    directives
        .filter(|line| line.section == "Service" && !is_of_the_manager(&line.key))
        .map(|line| format!("{}={}", line.key, line.value))
        .collect()
}

fn is_of_the_manager(key: &str) -> bool {
    let mut groups = GROUPS_OF_THE_MANAGER.iter();
    OF_THE_MANAGER.contains(&key) || groups.any(|group| key.starts_with(group))
}

/// Returns the sandbox of the front in `bundle`, with the drop-ins of the instance; `None` if the bundle has no
/// front.
pub fn of_bundle(system: &System, bundle: &Path) -> Result<Option<Vec<String>>> {
    let unit = system.read_in(bundle, format!("systemd/{}", layout::FRONT))?;
    unit.map(|unit| with_drop_ins(system, unit)).transpose()
}

/// Returns the sandbox of the installed front.
pub fn installed(system: &System) -> Result<Vec<String>> {
    let mut unit = None;
    // A unit in /etc overrides one in /run (systemd.unit(5)).
    for place in [UNITS, RUNTIME_UNITS] {
        if unit.is_none() {
            unit = system.read(format!("{place}/{}", layout::FRONT))?;
        }
    }
    with_drop_ins(system, unit.unwrap_or_default())
}

/// Appends the user's drop-ins for the front to the unit, in the order of their names.
fn with_drop_ins(system: &System, unit: Vec<u8>) -> Result<Vec<String>> {
    let mut drop_ins = std::collections::BTreeMap::new();
    // A file replaces a file of the same name from an earlier place in this list.
    for place in [DROP_INS, RUNTIME_UNITS, UNITS] {
        let folder = format!("{place}/{}.d", layout::FRONT);
        for name in system.names(&folder)? {
            if name.ends_with(".conf") {
                let text = system.read(format!("{folder}/{name}"))?;
                drop_ins.insert(name, text.unwrap_or_default());
            }
        }
    }
    let texts: Vec<_> = std::iter::once(&unit)
        .chain(drop_ins.values())
        .map(|text| String::from_utf8_lossy(text))
        .collect();
    Ok(lines(texts.iter().map(AsRef::as_ref)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{BUNDLE, Instance};

    #[test]
    fn only_lines_that_affect_the_process_belong_to_the_sandbox() {
        let unit = "[Unit]\nAfter=x\n[Service]\nType=exec\nExecStart=/x\n\
                    FileDescriptorStoreMax=9\n# ProtectHome=true\nProtectHome=read-only\nExecPaths=/x\nTimeoutStopSec=2\n\
                    Environment=A=b\nLimitNOFILE=9\n[Install]\nWantedBy=x\n";
        let expected = [
            "ProtectHome=read-only",
            "ExecPaths=/x",
            "Environment=A=b",
            "LimitNOFILE=9",
        ];
        assert_eq!(lines([unit]), expected);
    }

    #[test]
    fn a_users_drop_in_counts_and_its_folder_decides() {
        let instance = Instance::new();
        let system = &instance.system;
        let put = |path: &str, text: &str| {
            let text = format!("[Service]\n{text}\n");
            system.write(path, text.as_bytes(), 0o644).unwrap();
        };
        assert_eq!(of_bundle(system, Path::new(BUNDLE)).unwrap(), None);
        let front = layout::FRONT;
        put(&format!("{BUNDLE}/systemd/{front}"), "ProtectHome=true");
        put(&format!("{DROP_INS}/{front}.d/a.conf"), "Nice=1");
        put(&format!("{UNITS}/{front}.d/a.conf"), "Nice=2");
        put(&format!("{UNITS}/{front}.d/b.conf"), "Nice=3");
        put(&format!("{UNITS}/{front}.d/c.txt"), "Nice=4");
        let lines = of_bundle(system, Path::new(BUNDLE)).unwrap().unwrap();
        assert_eq!(lines, ["ProtectHome=true", "Nice=2", "Nice=3"]);
        assert_eq!(installed(system).unwrap(), ["Nice=2", "Nice=3"]);
        put(&format!("{UNITS}/{front}"), "ProtectHome=tmpfs");
        assert_eq!(installed(system).unwrap()[0], "ProtectHome=tmpfs");
    }
}
