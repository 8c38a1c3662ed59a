//! Our own rules for units. Each rule returns one message for each violation. ARCHITECTURE.md ("What must stay true")
//! has the reasons for most rules.

use std::collections::BTreeSet;
use std::path::Path;

use flipless_settings::layout;
use flipless_settings::unit_file::Directive;

use super::syntax::Unit;

/// EB's own units, which flipless's drop-ins turn into stand-ins.
const OF_EB: [&str; 2] = [layout::NGINX, layout::WEB];

/// Services to which systemd passes a socket: by `Sockets=`, by the `Service=` of a socket, or by the socket's
/// name.
fn with_sockets(units: &[Unit]) -> impl Iterator<Item = &Unit> {
    let activated = activated(units);
    let services = units.iter().filter(|unit| unit.is(".service"));
    services.filter(move |unit| {
        unit.get("Service", "Sockets").is_some() || activated.contains(&unit.name)
    })
}

fn activated(units: &[Unit]) -> BTreeSet<String> {
    let sockets = units.iter().filter(|unit| unit.is(".socket"));
    let service = |socket: &Unit| match socket.get("Socket", "Service") {
        Some(service) => service.to_owned(),
        None => socket.name.replace(".socket", ".service"),
    };
    sockets.map(service).collect()
}

/// Every service with a socket needs `NonBlocking=`. One service without it clears O_NONBLOCK for all services
/// with the same socket, and the accept loops of these services then block.
pub fn shared_sockets(units: &[Unit]) -> Vec<String> {
    with_sockets(units)
        .filter(|unit| !unit.is_true("Service", "NonBlocking"))
        .map(|unit| format!("{} lacks NonBlocking=true", unit.name))
        .collect()
}

/// EB stops all units that are part of its targets. A unit that is ordered after a stand-in never starts,
/// because the start of the stand-in waits for the front.
pub fn not_of_eb(units: &[Unit]) -> Vec<String> {
    let mut findings = Vec::new();
    for unit in units {
        let mut found = |key: &str, value: &str| {
            findings.push(format!("{} has {key}={value}", unit.name));
        };
        let parts = unit.all("Unit", "PartOf").filter(|value| !value.is_empty());
        parts.for_each(|target| found("PartOf", target));
        for key in ["After", "Before", "Requires", "BindsTo"] {
            let stand_in = |value: &&str| {
                let mut names = value.split_whitespace();
                names.any(|name| OF_EB.contains(&name))
            };
            unit.all("Unit", key)
                .filter(stand_in)
                .for_each(|value| found(key, value));
        }
    }
    findings
}

/// No unit may name a path in /var/app, because EB deletes and renames the folders there in every deployment. The unit
/// of a run may name such a path, because the run has its own file system at /var/app.
pub fn moving_paths(units: &[Unit]) -> Vec<String> {
    let mut findings = Vec::new();
    for unit in units {
        let moving = unit
            .directives
            .iter()
            .filter(|directive| directive.value.contains("/var/app/"))
            .filter(|directive| !(has_own_mounts(unit) && names_a_mount(directive)));
        let shown = moving.map(|directive| format!("{}={}", directive.key, directive.value));
        findings.extend(shown.map(|directive| format!("{} has {directive}", unit.name)));
    }
    findings
}

/// Whether the unit has its own file system at /var/app, so that a flip removes no mount point there.
fn has_own_mounts(unit: &Unit) -> bool {
    let mut mounts = unit.all("Service", "TemporaryFileSystem");
    mounts.any(|mount| mount.split(':').next() == Some("/var/app"))
}

/// Whether the directive names only paths that a deployment does not replace, such as paths in the unit's own file
/// systems. The source of a mount is in the real file system, and so is a command with the prefix `+`
/// (systemd.service(5)).
fn names_a_mount(directive: &Directive) -> bool {
    match directive.key.as_str() {
        "WorkingDirectory" | "Environment" => true,
        // `[server]` `command`, `args` and `port-variables` may name files of the bundle.
        "ExecStart" => !directive.value.starts_with('+'),
        "BindPaths" | "BindReadOnlyPaths" => {
            let source = directive.value.trim_start_matches('-').split(':').next();
            let source = Path::new(source.unwrap_or_default());
            let mut replaced = ["/var/app/current", "/var/app/staging"].iter();
            !replaced.any(|folder| source.starts_with(folder))
        }
        _ => false,
    }
}

/// With systemd's default limits, a crash loop closes the socket permanently.
pub fn limits(units: &[Unit]) -> Vec<String> {
    let sockets = units.iter().filter(|unit| unit.is(".socket"));
    let sockets = sockets.map(|unit| (unit, "Socket", "TriggerLimitIntervalSec"));
    let services = with_sockets(units).map(|unit| (unit, "Unit", "StartLimitIntervalSec"));
    sockets
        .chain(services)
        .filter(|(unit, section, key)| unit.get(section, key) != Some("0"))
        .map(|(unit, section, key)| format!("{} lacks {key}=0 in [{section}]", unit.name))
        .collect()
}

/// A socket starts its service again only after the service has become inactive. With RemainAfterExit= a service stays
/// active.
pub fn gate(units: &[Unit]) -> Vec<String> {
    let activated = activated(units);
    let stays =
        |unit: &&Unit| activated.contains(&unit.name) && unit.is_true("Service", "RemainAfterExit");
    units
        .iter()
        .filter(stays)
        .map(|unit| {
            format!(
                "{} has RemainAfterExit=, so systemd starts it only once",
                unit.name
            )
        })
        .collect()
}

/// nginx finds an inherited socket by its address. For a port without an address, systemd opens an IPv6 socket
/// (systemd.socket(5)), which nginx does not find as `0.0.0.0:80`.
pub fn addresses(units: &[Unit]) -> Vec<String> {
    let mut findings = Vec::new();
    for unit in units.iter().filter(|unit| unit.is(".socket")) {
        let bare = unit
            .all("Socket", "ListenStream")
            .filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty());
        findings.extend(bare.map(|port| {
            format!(
                "{} has ListenStream={port}: write the address too, as in 0.0.0.0:{port}",
                unit.name
            )
        }));
    }
    findings
}

/// A unit of flipless that another unit names must be in the bundle.
pub fn references(units: &[Unit]) -> Vec<String> {
    let names: BTreeSet<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
    let keys = ["Service", "Sockets", "Unit", "Requires", "BindsTo"];
    let mut findings = Vec::new();
    for unit in units {
        let naming = unit
            .directives
            .iter()
            .filter(|directive| keys.contains(&directive.key.as_str()));
        for directive in naming {
            let ours = directive.value.split_whitespace();
            let missing =
                ours.filter(|name| name.starts_with("flipless-") && !names.contains(name));
            findings.extend(missing.map(|name| {
                format!(
                    "{} has {}={name}, which does not exist",
                    unit.name, directive.key
                )
            }));
        }
    }
    findings
}

/// The drop-in must reset every setting of EB's nginx.service that acts on the real nginx. Otherwise EB's stop of
/// the stand-in would, for example, kill the real nginx.
pub fn stand_in(units: &[Unit]) -> Vec<String> {
    const RESETS: [&str; 7] = [
        "PIDFile",
        "ExecStartPre",
        "ExecStart",
        "ExecStartPost",
        "ExecReload",
        "ExecStop",
        "ExecStopPost",
    ];
    let Some(unit) = units.iter().find(|unit| unit.name == layout::NGINX) else {
        return Vec::new();
    };
    let kept = RESETS
        .iter()
        .filter(|key| unit.all("Service", key).next() != Some(""));
    let kept = kept.map(|key| format!("{} does not reset {key}=", unit.name));
    let wanted = [("Type", "notify"), ("NotifyAccess", "main")]
        .into_iter()
        .filter(|(key, value)| unit.get("Service", key) != Some(value));
    let wanted = wanted.map(|(key, value)| format!("{} lacks {key}={value}", unit.name));
    kept.chain(wanted).collect()
}

/// A drop-in of EB's own units must not set limits of the control group. A daemon-reload applies such settings to
/// running units (systemd.resource-control(5)). Before the first flip, the stock application and its nginx run in these
/// units.
pub fn control_groups(units: &[Unit]) -> Vec<String> {
    const SETTINGS: [&str; 17] = [
        "AllowedCPUs",
        "CPUQuota",
        "CPUWeight",
        "IOReadBandwidthMax",
        "IOReadIOPSMax",
        "IOWeight",
        "IOWriteBandwidthMax",
        "IOWriteIOPSMax",
        "IPAddressAllow",
        "IPAddressDeny",
        "MemoryHigh",
        "MemoryMax",
        "MemorySwapMax",
        "RestrictNetworkInterfaces",
        "SocketBindAllow",
        "SocketBindDeny",
        "TasksMax",
    ];
    let of_eb = |unit: &&Unit| OF_EB.contains(&unit.name.as_str());
    let set = units.iter().filter(of_eb).flat_map(|unit| {
        let keys = SETTINGS.iter();
        keys.filter(|key| unit.get("Service", key).is_some())
            .map(|key| format!("{} sets {key}=", unit.name))
    });
    set.collect()
}
