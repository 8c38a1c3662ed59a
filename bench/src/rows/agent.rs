//! The agent's `stage` and `commit` in deployments on an instance, without the server's own start. The other side is a
//! script that repeats the command's calls of `systemctl`, one after another, in the same deployment.

use anyhow::{Context as _, bail};
use flipless_settings::layout::{self, app_unit};

use crate::context::Context;
use crate::figure::{Budget, Figure, Pair};
use crate::instance::{File, Instance};
use crate::measurement::Measurement;
use crate::row::{Row, Samples, Trouble};

pub const MEASUREMENT: Measurement = Measurement {
    rows: &[
        Row {
            name: "agent-stage",
            what: "time of `flipless stage` without the server's start, against its calls of systemctl",
            unit: "ms",
            figure: Figure::Ratio,
            budget: Budget::AtMost(1.3),
        },
        Row {
            name: "agent-commit",
            what: "time of `flipless commit`, against its calls of systemctl",
            unit: "ms",
            figure: Figure::Ratio,
            budget: Budget::AtMost(1.3),
        },
    ],
    samples,
};

/// The commands, in the order of the rows.
const COMMANDS: [&str; 2] = ["stage", "commit"];

/// The hooks of flipless, replaced by hooks that call the bench's scripts. These scripts call the agent's commands.
const HOOKS: &[File] = &[
    (
        ".platform/hooks/predeploy/~flipless-stage.sh",
        "#!/bin/sh\nexec /bin/bash /run/bench/stage\n",
        0o755,
    ),
    (
        ".platform/hooks/postdeploy/!flipless-commit.sh",
        "#!/bin/sh\nexec /bin/bash /run/bench/commit\n",
        0o755,
    ),
];

/// A `systemctl` that records its calls, separately for each command of the agent. It also keeps the unit in which the
/// agent tests nginx's configuration. The agent finds this program before the real one, because /usr/sbin is the first
/// folder of the agent's PATH.
const RECORDER: &str = r#"#!/bin/bash
command=$(tr '\0' '\n' </proc/$PPID/cmdline | sed -n 2p)
printf '%q ' "$@" >>"/run/bench/$command.calls"
echo >>"/run/bench/$command.calls"
case "$*" in "start nginx-test-"*) cp "/run/systemd/system/$2" /run/bench/units/ ;; esac
exec /usr/bin/systemctl "$@"
"#;
const RECORDER_PATH: &str = "/usr/sbin/systemctl";

/// Runs the agent's command `@NAME@`, and then repeats its calls of systemctl. A call may be a test of nginx's
/// configuration. The test needs a unit and a copy of the configuration, so the script makes both, as the agent does
/// (`proxy/probe.rs`). The other calls have no effect when the script repeats them. The script writes six numbers: four
/// times in seconds, then two times in microseconds.
const TIMED: &str = r#"
began=$EPOCHREALTIME
bin/flipless @NAME@ || exit
ended=$EPOCHREALTIME
run=$(head -n 1 flipless-run)
unit=flipless-app@$run.service
test=/run/flipless/nginx-test
mkdir "$test" && cp -a /etc/nginx/. /var/proxy/staging/nginx/. "$test" && cp -r /run/bench/units/. /run/systemd/system || exit
calls_began=$EPOCHREALTIME
. /run/bench/@NAME@.replay
calls_ended=$EPOCHREALTIME
rm -r "$test" /run/systemd/system/nginx-test-*
echo "$began $ended $calls_began $calls_ended" \
    "$(systemctl show -P ConditionTimestampMonotonic "$unit")" \
    "$(systemctl show -P ActiveEnterTimestampMonotonic "$unit")" >/run/bench/@NAME@.times
"#;

fn samples(context: &Context) -> Result<Vec<Samples>, Trouble> {
    let mut instance = Instance::boot(context, HOOKS)?;
    for command in COMMANDS {
        let script = format!("exec bin/flipless {command}\n");
        instance.write(&format!("/run/bench/{command}"), &script)?;
    }
    // The third deployment and every later deployment remove an older release.
    for _ in 0..3 {
        instance.deploy()?;
    }
    let counts = record(&mut instance)?;
    let runs = context.each_run(|_| {
        instance.deploy()?;
        let time = |command| parse(&instance.read(&format!("/run/bench/{command}.times"))?);
        Ok::<_, anyhow::Error>([time("stage")?.without_start(), time("commit")?.whole()])
    })?;
    let row = |index: usize| Samples {
        pairs: runs.iter().map(|run| run[index]).collect(),
        note: Some(format!("{} calls of systemctl", counts[index])),
    };
    Ok(vec![row(0), row(1)])
}

/// Records the calls of each command in one deployment, and writes the scripts for the next deployments. Returns how
/// many calls each command makes.
fn record(instance: &mut Instance) -> anyhow::Result<[usize; 2]> {
    instance.run(&format!(
        "mkdir /run/bench/units; test ! -e {RECORDER_PATH}"
    ))?;
    instance.write(RECORDER_PATH, RECORDER)?;
    instance.deploy()?;
    instance.run(&format!("rm {RECORDER_PATH}"))?;
    let marker = instance.read(&format!("/var/app/current/{}", layout::MARKER))?;
    let run = marker.lines().next().context("the marker is empty")?;
    let mut counts = [0; 2];
    for (count, command) in counts.iter_mut().zip(COMMANDS) {
        let calls = instance.read(&format!("/run/bench/{command}.calls"))?;
        *count = calls.lines().count();
        let path = format!("/run/bench/{command}");
        instance.write(&format!("{path}.replay"), &replay(&calls, run))?;
        instance.write(&path, &TIMED.replace("@NAME@", command))?;
    }
    Ok(counts)
}

/// Returns the script that repeats the calls. In place of the recorded run's unit, the script names the unit of the run
/// in the present deployment.
fn replay(calls: &str, run: &str) -> String {
    let unit = app_unit(run);
    let call = |call: &str| {
        let arguments = call.replace(&unit, "\"$unit\"");
        format!("systemctl {} >/dev/null 2>&1\n", arguments.trim_end())
    };
    calls.lines().map(call).collect()
}

/// The times of one deployment in milliseconds.
#[derive(Debug, PartialEq)]
struct Times {
    command: f64,
    calls: f64,
    /// The start of the run's unit, from systemd's first step (the conditions) to READY=1.
    start: f64,
}

impl Times {
    fn whole(&self) -> Pair {
        Pair {
            ours: self.command,
            peer: self.calls,
        }
    }

    /// Returns the times without the start of the run. Both sides call `systemctl` to start the run. On the peer's side
    /// the run is already active and the call returns at once, so the start is subtracted only on flipless's side.
    fn without_start(&self) -> Pair {
        Pair {
            ours: self.command - self.start,
            peer: self.calls,
        }
    }
}

fn parse(text: &str) -> anyhow::Result<Times> {
    let numbers = text.split_whitespace().map(str::parse::<f64>);
    let numbers = numbers.collect::<Result<Vec<_>, _>>();
    let Ok([began, ended, calls_began, calls_ended, conditions, ready]) = numbers.as_deref() else {
        bail!("cannot read the times of a command: {text:?}");
    };
    Ok(Times {
        command: (ended - began) * 1000.0,
        calls: (calls_ended - calls_began) * 1000.0,
        start: (ready - conditions) / 1000.0,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_name_the_run_of_the_present_deployment() {
        let calls = "show --property a\\,b nginx.service \nstart flipless-app@3f-7.service \n";
        let expected = "systemctl show --property a\\,b nginx.service >/dev/null 2>&1\n\
                        systemctl start \"$unit\" >/dev/null 2>&1\n";
        assert_eq!(replay(calls, "3f-7"), expected);
    }

    #[test]
    fn the_start_of_the_server_does_not_count() {
        let times = parse("10.500000 10.750000 11.000000 11.125000 2000000 2060000\n").unwrap();
        let expected = Pair {
            ours: 190.0,
            peer: 125.0,
        };
        assert_eq!(times.without_start(), expected);
        assert_eq!(times.whole().ours, 250.0);
        assert!(parse("10.5 10.75\n").is_err());
    }
}
