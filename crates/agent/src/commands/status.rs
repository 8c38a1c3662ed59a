//! `status`: shows the releases, the runs and the listeners.

use std::fmt::Write;

use anyhow::Result;
use flipless_settings::{FrontMode, layout};
use serde::Serialize;

use crate::deployment::state::{Run, State};
use crate::deployment::{alarm, certificates, ends, release};
use crate::instance::output::times;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// The output of `status --json`.
#[derive(Serialize)]
struct Status {
    /// The application's name.
    app: String,
    current: Option<RunStatus>,
    previous: Option<RunStatus>,
    staged: Option<RunStatus>,
    releases: Vec<String>,
    front: FrontStatus,
    sockets: Vec<SocketStatus>,
    /// `null` without `[https]`.
    https: Option<certificates::Status>,
    handover: Option<HandoverStatus>,
    failure: Option<FailureStatus>,
    /// The reason of the alarm; `null` without an alarm.
    alarm: Option<String>,
}

/// The last handover.
#[derive(Serialize)]
struct HandoverStatus {
    from: String,
    to: String,
    age_seconds: u64,
    /// The last message of the old run about its drain, or `ended`; `null` while the run drains.
    drained: Option<String>,
}

#[derive(Serialize)]
struct FailureStatus {
    during: String,
    reason: String,
    age_seconds: u64,
}

#[derive(Serialize)]
struct RunStatus {
    run: String,
    release: String,
    unit: String,
    /// The unit's ActiveState: `active`, `failed`, …
    state: String,
    /// Seconds since the first start.
    age_seconds: u64,
    /// How often the run has crashed since the boot. The agent records each end of a run.
    crashes: usize,
}

#[derive(Serialize)]
struct FrontStatus {
    mode: FrontMode,
    unit: &'static str,
    active: bool,
}

#[derive(Serialize)]
struct SocketStatus {
    unit: &'static str,
    listen: String,
    state: String,
}

/// Returns the status as text or as JSON.
pub fn status(system: &System, json: bool) -> Result<String> {
    let status = gather(system)?;
    if json {
        return Ok(serde_json::to_string(&status)? + "\n");
    }
    Ok(describe(&status, system.commands().unix_time()))
}

fn gather(system: &System) -> Result<Status> {
    let mut state = State::load(system)?;
    // Omits a run that was staged before a reboot. The next command that changes the instance discards it.
    let boot = system.commands().boot_id()?;
    state.staged = state
        .staged
        .filter(|staged| staged.boot == boot || state.current.is_none());
    let systemd = Systemd::new(system);
    let now = system.commands().unix_time();
    let run = |run: Option<&Run>| -> Result<Option<RunStatus>> {
        run.map(|run| run_status(system, run, now)).transpose()
    };
    let settings = system.settings()?;
    let front_unit = match settings.front.mode {
        FrontMode::Nginx => layout::FRONT,
        FrontMode::Direct => layout::APP_SOCKET,
        FrontMode::Stock => layout::NGINX,
    };
    let mut sockets = vec![socket_status(&systemd, layout::APP_SOCKET)?];
    if settings.front.mode == FrontMode::Nginx {
        sockets.push(socket_status(&systemd, layout::FRONT_SOCKET)?);
    }
    Ok(Status {
        https: certificates::status(system)?,
        app: settings.app.name,
        current: run(state.current.as_ref())?,
        previous: run(state.previous.as_ref())?,
        staged: run(state.staged.as_ref().map(|staged| &staged.run))?,
        releases: release::installed(system)?,
        handover: handover(system, &state, now)?,
        failure: state.failure.as_ref().map(|failure| FailureStatus {
            during: failure.during.clone(),
            reason: failure.reason.clone(),
            age_seconds: now.saturating_sub(failure.at),
        }),
        alarm: alarm::reason(system)?,
        front: FrontStatus {
            mode: state.front,
            unit: front_unit,
            active: systemd.is_active(front_unit)?,
        },
        sockets,
    })
}

/// Returns the last handover, with the message of the old run about its drain.
fn handover(system: &System, state: &State, now: u64) -> Result<Option<HandoverStatus>> {
    let Some(handover) = &state.handover else {
        return Ok(None);
    };
    let said = match ends::of(system, &handover.from)?.pop() {
        Some(end) if !end.said.is_empty() => Some(end.said),
        Some(_) => Some("ended".to_owned()),
        None => {
            let unit = layout::app_unit(&handover.from);
            let lives = Systemd::new(system).state(&unit)? == "deactivating";
            (!lives).then(|| "ended".to_owned())
        }
    };
    Ok(Some(HandoverStatus {
        from: handover.from.clone(),
        to: handover.to.clone(),
        age_seconds: now.saturating_sub(handover.at),
        drained: said,
    }))
}

fn run_status(system: &System, run: &Run, now: u64) -> Result<RunStatus> {
    let systemd = Systemd::new(system);
    let ends = ends::of(system, &run.run)?;
    Ok(RunStatus {
        crashes: ends.iter().filter(|end| end.is_crash()).count(),
        run: run.run.clone(),
        release: run.release.clone(),
        unit: run.unit(),
        state: systemd.state(&run.unit())?,
        age_seconds: now.saturating_sub(run.since),
    })
}

fn socket_status(systemd: &Systemd, unit: &'static str) -> Result<SocketStatus> {
    let [listen, state] = systemd.properties(unit, ["Listen", "SubState"])?;
    Ok(SocketStatus {
        unit,
        listen: listen.trim_end_matches(" (Stream)").to_owned(),
        state,
    })
}

fn describe(status: &Status, now: u64) -> String {
    let mut text = format!("{}\n", status.app);
    let mut line = |label: &str, rest: String| {
        let _ = writeln!(text, "{label:>10}  {rest}");
    };
    let runs = [
        ("current", &status.current),
        ("previous", &status.previous),
        ("staged", &status.staged),
    ];
    for (label, run) in runs {
        line(label, run.as_ref().map_or("none".into(), describe_run));
    }
    let front = &status.front;
    let active = if front.active { "active" } else { "not active" };
    line(
        "front",
        format!("{}: {} is {active}", front.mode, front.unit),
    );
    for socket in &status.sockets {
        let rest = format!("{}  {}, {}", socket.listen, socket.unit, socket.state);
        line("socket", rest);
    }
    for rest in status.https.iter().flat_map(|https| https.lines(now)) {
        line("https", rest);
    }
    if let Some(handover) = &status.handover {
        line("handover", describe_handover(handover));
    }
    if let Some(failure) = &status.failure {
        let (age, during) = (age(failure.age_seconds), &failure.during);
        line(
            "failure",
            format!("{age} ago, {during}: {}", failure.reason),
        );
    }
    if let Some(reason) = &status.alarm {
        let until = "until the next deployment, rollback or restart";
        let is_shown = status
            .failure
            .as_ref()
            .is_some_and(|failure| failure.reason == *reason);
        let rest = match certificates::is_about_certificate(reason) {
            true => format!("web.service reports failure to EB, {until}, or a renewal: {reason}"),
            false if is_shown => format!("web.service reports failure to EB, {until}"),
            false => format!("web.service reports failure to EB, {until}: {reason}"),
        };
        line("alarm", rest);
    }
    text
}

fn describe_run(run: &RunStatus) -> String {
    let mut text = format!(
        "{}  {}, started {} ago",
        run.run,
        run.state,
        age(run.age_seconds)
    );
    if run.crashes > 0 {
        let _ = write!(text, ", crashed {} since the boot", times(run.crashes));
    }
    text
}

fn describe_handover(handover: &HandoverStatus) -> String {
    let drained = handover.drained.as_deref().unwrap_or("not drained yet");
    format!(
        "{} ago, from {} to {}: {drained}",
        age(handover.age_seconds),
        handover.from,
        handover.to
    )
}

/// Formats a duration in its two largest units.
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
    fn ages_are_shown_in_two_units() {
        let said: Vec<_> = [5, 65, 3700, 90_000].into_iter().map(age).collect();
        assert_eq!(said, ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]);
    }
}
