//! Our own rules for units: each was paid for by an experiment (see ARCHITECTURE.md).

use std::collections::BTreeSet;

use super::Check;
use super::bundle::Bundle;

const FOLDER: &str = "systemd/";

/// One unit or drop-in.
struct Unit {
    path: String,
    settings: Vec<(String, String)>,
}

impl Unit {
    /// Reads systemd.syntax(7): comments, continued lines, `Key=Value`.
    fn parse(path: &str, text: &str) -> Self {
        let mut joined = String::new();
        for line in text
            .lines()
            .filter(|line| !line.trim_start().starts_with(['#', ';']))
        {
            match line.strip_suffix('\\') {
                Some(start) => joined.extend([start, " "]),
                None => joined.extend([line, "\n"]),
            }
        }
        let settings = joined
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
            .collect();
        let path = path.strip_prefix(FOLDER).unwrap_or(path).to_owned();
        Self { path, settings }
    }

    /// The value in force: systemd takes the last one.
    fn get(&self, key: &str) -> Option<&str> {
        let same = |(name, _): &&(String, String)| name == key;
        self.settings
            .iter()
            .rfind(same)
            .map(|(_, value)| value.as_str())
    }

    fn is(&self, kind: &str) -> bool {
        self.path.ends_with(kind) && !self.path.contains('/')
    }
}

/// Reads `systemd/`.
pub fn check(bundle: &Bundle) -> Vec<Check> {
    let units: Vec<Unit> = bundle
        .entries
        .iter()
        .filter(|entry| entry.name.starts_with(FOLDER))
        .filter_map(|entry| Some((&entry.name, std::str::from_utf8(entry.text()?).ok()?)))
        .map(|(name, text)| Unit::parse(name, text))
        .collect();
    let units = units.as_slice();
    vec![
        Check::of(
            "units: shared sockets",
            shared_sockets(units),
            "non-blocking everywhere",
        ),
        Check::of("units: not EB's", part_of(units), "no PartOf="),
        Check::of("units: paths", moving_paths(units), "none that EB replaces"),
        Check::of(
            "units: limits",
            limits(units),
            "a crash loop closes no socket",
        ),
    ]
}

/// Services that are handed a socket: by `Sockets=`, by a socket's `Service=`, or by its name.
fn with_sockets(units: &[Unit]) -> impl Iterator<Item = &Unit> {
    let activated: BTreeSet<String> = units
        .iter()
        .filter(|unit| unit.is(".socket"))
        .map(|unit| {
            unit.get("Service")
                .map_or(unit.path.replace(".socket", ".service"), Into::into)
        })
        .collect();
    let services = units.iter().filter(|unit| unit.is(".service"));
    services.filter(move |unit| unit.get("Sockets").is_some() || activated.contains(&unit.path))
}

/// One service without it clears O_NONBLOCK for all, and their accept loops sleep.
fn shared_sockets(units: &[Unit]) -> Vec<String> {
    with_sockets(units)
        .filter(|unit| !unit.get("NonBlocking").is_some_and(is_true))
        .map(|unit| format!("{} lacks NonBlocking=true", unit.path))
        .collect()
}

/// EB stops what is part of its targets.
fn part_of(units: &[Unit]) -> Vec<String> {
    let parts = units
        .iter()
        .filter_map(|unit| Some((&unit.path, unit.get("PartOf")?)));
    parts
        .map(|(path, target)| format!("{path} is PartOf={target}"))
        .collect()
}

/// EB deletes and renames the app folder in every deployment.
fn moving_paths(units: &[Unit]) -> Vec<String> {
    let mut findings = Vec::new();
    for unit in units {
        let moving = unit
            .settings
            .iter()
            .filter(|(_, value)| value.contains("/var/app"));
        findings.extend(moving.map(|(key, value)| format!("{}: {key}={value}", unit.path)));
    }
    findings
}

/// With the default limits a crash loop closes the socket for good.
fn limits(units: &[Unit]) -> Vec<String> {
    let sockets = units.iter().filter(|unit| unit.is(".socket"));
    let sockets = sockets.map(|unit| (unit, "TriggerLimitIntervalSec"));
    let services = with_sockets(units).map(|unit| (unit, "StartLimitIntervalSec"));
    sockets
        .chain(services)
        .filter(|(unit, key)| unit.get(key) != Some("0"))
        .map(|(unit, key)| format!("{} lacks {key}=0", unit.path))
        .collect()
}

fn is_true(value: &str) -> bool {
    ["1", "yes", "true", "on"].contains(&value.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKET: &str = "[Socket]\nListenStream=127.0.0.1:5000\nService=gate.service\n\
                          TriggerLimitIntervalSec=0\n";
    const SERVICE: &str =
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nSockets=app.socket\nNonBlocking=true\n";

    fn units(files: &[(&str, &str)]) -> Vec<Unit> {
        files
            .iter()
            .map(|(path, text)| Unit::parse(path, text))
            .collect()
    }

    fn all(files: &[(&str, &str)]) -> Vec<String> {
        let units = units(files);
        [shared_sockets, part_of, moving_paths, limits]
            .map(|rule| rule(&units))
            .concat()
    }

    #[test]
    fn units_that_keep_the_rules_are_fine() {
        let found = all(&[
            ("systemd/app.socket", SOCKET),
            ("systemd/app@.service", SERVICE),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn each_rule_is_broken_alone() {
        for (from, to, expected) in [
            ("NonBlocking=true", "", "app@.service lacks NonBlocking"),
            (
                "NonBlocking=true",
                "NonBlocking=true\nNonBlocking=no",
                "lacks NonBlocking",
            ),
            ("NonBlocking=true", "#NonBlocking=true", "lacks NonBlocking"),
            (
                "[Unit]",
                "[Unit]\nPartOf=eb-app.target",
                "PartOf=eb-app.target",
            ),
            (
                "[Service]",
                "[Service]\nExecStart=/bin/a \\\n/var/app/current/x",
                "/var/app",
            ),
            (
                "StartLimitIntervalSec=0",
                "StartLimitIntervalSec=10",
                "lacks StartLimit",
            ),
        ] {
            let service = SERVICE.replace(from, to);
            let found = all(&[
                ("systemd/app.socket", SOCKET),
                ("systemd/app@.service", &service),
            ]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(expected), "{found:?}");
        }
    }

    #[test]
    fn a_service_that_a_socket_starts_shares_it_too() {
        let gate = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/true\n";
        let found = all(&[
            ("systemd/app.socket", SOCKET),
            ("systemd/gate.service", gate),
        ]);
        assert_eq!(found, ["gate.service lacks NonBlocking=true"]);
    }
}
