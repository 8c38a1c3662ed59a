//! The start of the demonstration server under its unit, on an instance. The other side is the same unit without its
//! sandbox.

use anyhow::{Context as _, anyhow};
use flipless_settings::layout::{self, app_unit};
use flipless_settings::unit_file;

use crate::context::Context;
use crate::figure::{Budget, Figure, MIB, Pair, median};
use crate::instance::Instance;
use crate::measurement::Measurement;
use crate::process::resident;
use crate::row::{Row, Samples, Trouble};

pub const MEASUREMENT: Measurement = Measurement {
    rows: &[
        Row {
            name: "start-server",
            what: "time from the exec of the server to READY=1 under its unit, beside the unit without its sandbox",
            unit: "ms",
            figure: Figure::Alone,
            budget: Budget::AtMost(5.0),
        },
        Row {
            name: "start-sandbox",
            what: "time from systemd's fork to the exec of the server, minus that of the unit without its sandbox",
            unit: "ms",
            figure: Figure::Difference,
            budget: Budget::None,
        },
        Row {
            name: "start-systemd",
            what: "time from the check of the unit's conditions to systemd's fork, minus that of the unit without its sandbox",
            unit: "ms",
            figure: Figure::Difference,
            budget: Budget::None,
        },
        Row {
            name: "start-memory",
            what: "resident memory of the server at READY=1, beside the unit without its sandbox",
            unit: "MiB",
            figure: Figure::Alone,
            budget: Budget::AtMost(6.0),
        },
    ],
    samples,
};

/// How many times each repetition of the measurement starts each side.
const STARTS: usize = 5;
const PLAIN: &str = "bench-start.service";

fn samples(context: &Context) -> Result<Vec<Samples>, Trouble> {
    let mut instance = Instance::boot(context, &[])?;
    instance.deploy()?;
    let run = instance.run_of_server()?;
    let unit = app_unit(&run);
    let text = instance.read(&format!("/etc/systemd/system/{unit}"))?;
    let plain = without_sandbox(&text, &run);
    instance.write(&format!("/run/systemd/system/{PLAIN}"), &plain)?;
    instance.run("systemctl daemon-reload")?;
    instance.run(&format!("systemctl stop {unit}"))?;
    let runs = context.each_run(|_| {
        let mut sides = (Vec::new(), Vec::new());
        for _ in 0..STARTS {
            sides.0.push(start(&instance, &unit)?);
            sides.1.push(start(&instance, PLAIN)?);
        }
        anyhow::Ok(sides)
    })?;
    let row = |of: fn(&Start) -> f64| -> Samples {
        let middle = |starts: &[Start]| median(starts.iter().map(of));
        let pair = |(ours, peer): &(Vec<Start>, Vec<Start>)| Pair {
            ours: middle(ours),
            peer: middle(peer),
        };
        runs.iter().map(pair).collect::<Vec<_>>().into()
    };
    Ok(vec![
        row(|start| start.server),
        row(|start| start.sandbox),
        row(|start| start.systemd),
        row(|start| start.memory),
    ])
}

/// One start: times in milliseconds, memory in MiB.
#[derive(Debug, PartialEq)]
struct Start {
    systemd: f64,
    sandbox: f64,
    server: f64,
    memory: f64,
}

/// Starts a unit, waits until the unit is ready, and stops it. Returns the measured times and the memory.
fn start(instance: &Instance, unit: &str) -> anyhow::Result<Start> {
    instance.run(&format!("systemctl start {unit}"))?;
    let shown = instance.run(&format!("systemctl show {unit}"))?;
    let pid = property(&shown, "MainPID").context("the server has no process")?;
    let memory = resident(&instance.path(&format!("/proc/{pid}")))? / MIB;
    instance.run(&format!("systemctl stop {unit}"))?;
    parse(&shown, memory)
}

fn property<'a>(shown: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = shown.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

/// Reads the moments of a start from the output of `systemctl show` (org.freedesktop.systemd1(5)). systemd begins a
/// start with the unit's conditions. The unit leaves the state `inactive` only after the fork (service_enter_start in
/// systemd's service.c). The handoff is the moment before execve(2). systemd records the handoff since version 256.
fn parse(shown: &str, memory: f64) -> anyhow::Result<Start> {
    let moment = |name: &str| {
        let name = format!("{name}TimestampMonotonic");
        let value = property(shown, &name).and_then(|value| value.parse::<f64>().ok());
        value
            .filter(|microseconds| *microseconds > 0.0)
            .map(|microseconds| microseconds / 1000.0)
            .ok_or_else(|| anyhow!("systemd does not report {name}"))
    };
    let (began, forked) = (moment("Condition")?, moment("ExecMainStart")?);
    let (executed, ready) = (moment("ExecMainHandoff")?, moment("ActiveEnter")?);
    Ok(Start {
        systemd: forked - began,
        sandbox: executed - forked,
        server: ready - executed,
        memory,
    })
}

/// The directives that the server needs to start. All other directives of `[Service]` belong to the sandbox, or apply
/// only when the server ends.
const NEEDED: &[&str] = &[
    "Type",
    "NotifyAccess",
    "Sockets",
    "NonBlocking",
    "WorkingDirectory",
    "Environment",
    "EnvironmentFile",
    "ExecStart",
    "KillMode",
    "WatchdogSec",
    "Nice",
    "LimitNOFILE",
    "SyslogIdentifier",
];

/// Returns the unit of a run without its sandbox. The server runs as [`layout::USER`], because a user of the run's own
/// is a part of the sandbox. As in the unit of a run, systemd does not limit the number of starts.
fn without_sandbox(unit: &str, run: &str) -> String {
    let directives = unit_file::parse(unit);
    let needed = directives.iter().filter(|directive| {
        directive.section == "Service" && NEEDED.contains(&directive.key.as_str())
    });
    let lines = needed.map(|directive| {
        let value = directive.value.replace("%i", run);
        format!("{}={value}\n", directive.key)
    });
    let user = layout::USER;
    let head = "[Unit]\nStartLimitIntervalSec=0\n[Service]\n";
    format!("{head}User={user}\nGroup={user}\n") + &lines.collect::<String>()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_start_has_three_parts() {
        let shown = "MainPID=7\nConditionTimestampMonotonic=1000000\n\
                     ConditionTimestamp=Fri\nExecMainStartTimestampMonotonic=1001500\n\
                     ExecMainHandoffTimestampMonotonic=1041500\nActiveEnterTimestampMonotonic=1045000\n";
        let expected = Start {
            systemd: 1.5,
            sandbox: 40.0,
            server: 3.5,
            memory: 4.0,
        };
        assert_eq!(parse(shown, 4.0).unwrap(), expected);
        assert_eq!(property(shown, "MainPID"), Some("7"));
        // An older systemd has no such property, and a unit that has not started has zeros.
        let older = shown.replace("ExecMainHandoff", "Other");
        let error = parse(&older, 4.0).unwrap_err().to_string();
        assert!(
            error.contains("ExecMainHandoffTimestampMonotonic"),
            "{error}"
        );
        assert!(parse(&shown.replace("=1045000", "=0"), 4.0).is_err());
    }

    #[test]
    fn the_peer_has_only_what_the_server_needs() {
        let unit = "[Unit]\nDescription=x\n[Service]\nType=notify\nDynamicUser=true\nUser=fl-%i\n\
                    PrivateTmp=true\nEnvironment=FLIPLESS_RUN=%i\nExecStart=/runs/%i/server a\n\
                    ExecStopPost=-+/agent run-ended %i\nRestart=always\n";
        let expected = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nUser=webapp\n\
                        Group=webapp\nType=notify\nEnvironment=FLIPLESS_RUN=a-1\nExecStart=/runs/a-1/server a\n";
        assert_eq!(without_sandbox(unit, "a-1"), expected);
    }
}
