//! `status`: which releases there are, and what the listeners do.

use std::fmt::Write;

use anyhow::Result;
use flipless::constants::{APP_NAME, FRONT_MODE, FrontMode};
use flipless::layout;
use serde::Serialize;

use crate::release;
use crate::state::{Run, State};
use crate::system::System;
use crate::systemd::Systemd;

/// What `status --json` prints.
#[derive(Serialize)]
struct Status {
    current: Option<RunStatus>,
    previous: Option<RunStatus>,
    staged: Option<RunStatus>,
    releases: Vec<String>,
    front: FrontStatus,
    sockets: Vec<SocketStatus>,
}

#[derive(Serialize)]
struct RunStatus {
    run: String,
    release: String,
    unit: String,
    /// As systemd says: `active`, `failed`, …
    state: String,
    /// Seconds since it was first started.
    age_seconds: u64,
}

#[derive(Serialize)]
struct FrontStatus {
    mode: String,
    unit: &'static str,
    active: bool,
}

#[derive(Serialize)]
struct SocketStatus {
    unit: &'static str,
    listen: String,
    state: String,
}

/// The status as a person or a machine reads it.
pub fn status(system: &System, json: bool) -> Result<String> {
    let status = gather(system)?;
    if json {
        return Ok(serde_json::to_string(&status)? + "\n");
    }
    Ok(describe(&status))
}

fn gather(system: &System) -> Result<Status> {
    let state = State::load(system)?;
    let systemd = Systemd::new(system);
    let now = system.commands().unix_time();
    let run = |run: Option<&Run>| -> Result<Option<RunStatus>> {
        run.map(|run| run_status(&systemd, run, now)).transpose()
    };
    let front_unit = match FRONT_MODE {
        FrontMode::Nginx => layout::FRONT,
        FrontMode::Direct => layout::APP_SOCKET,
        FrontMode::Stock => "nginx.service",
    };
    let mut sockets = vec![socket_status(&systemd, layout::APP_SOCKET)?];
    if FRONT_MODE == FrontMode::Nginx {
        sockets.push(socket_status(&systemd, layout::FRONT_SOCKET)?);
    }
    Ok(Status {
        current: run(state.current.as_ref())?,
        previous: run(state.previous.as_ref())?,
        staged: run(state.staged.as_ref().map(|staged| &staged.run))?,
        releases: release::installed(system)?,
        front: FrontStatus {
            mode: state.front,
            unit: front_unit,
            active: systemd.is_active(front_unit)?,
        },
        sockets,
    })
}

fn run_status(systemd: &Systemd, run: &Run, now: u64) -> Result<RunStatus> {
    Ok(RunStatus {
        run: run.run.clone(),
        release: run.release.clone(),
        unit: run.unit(),
        state: systemd.state(&run.unit())?,
        age_seconds: now.saturating_sub(run.since),
    })
}

fn socket_status(systemd: &Systemd, unit: &'static str) -> Result<SocketStatus> {
    let listen = systemd.property(unit, "Listen")?;
    Ok(SocketStatus {
        unit,
        listen: listen.trim_end_matches(" (Stream)").to_owned(),
        state: systemd.property(unit, "SubState")?,
    })
}

fn describe(status: &Status) -> String {
    let mut text = format!("{APP_NAME}\n");
    let runs = [
        ("current", &status.current),
        ("previous", &status.previous),
        ("staged", &status.staged),
    ];
    for (label, run) in runs {
        let _ = match run {
            None => writeln!(text, "{label:>10}  none"),
            Some(run) => {
                let age = age(run.age_seconds);
                writeln!(
                    text,
                    "{label:>10}  {}  {}, started {age} ago",
                    run.run, run.state
                )
            }
        };
    }
    let front = &status.front;
    let active = if front.active { "active" } else { "not active" };
    let _ = writeln!(
        text,
        "{:>10}  {}: {} is {active}",
        "front", front.mode, front.unit
    );
    for socket in &status.sockets {
        let _ = writeln!(
            text,
            "{:>10}  {}  {}, {}",
            "socket", socket.listen, socket.unit, socket.state
        );
    }
    text
}

/// The two largest units, as a person says it.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_are_said_in_two_units() {
        let said: Vec<_> = [5, 65, 3700, 90_000].into_iter().map(age).collect();
        assert_eq!(said, ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]);
    }
}
