//! Scenarios that kill or stop a process, or reboot the instance.

use flipless_settings::layout;

use crate::bundle;
use crate::clock::Window;
use crate::scenario::script::Acted;
use crate::scenario::subject::Subject;

pub fn kill_app(subject: &mut Subject) -> Acted {
    let unit = subject
        .status()
        .unit()
        .unwrap_or_else(|| layout::WEB.into());
    kill(subject, &unit)
}

/// Kills the server behind the relay. The relay then ends by itself. systemd starts the relay again, and the relay
/// starts the server.
pub fn kill_child(subject: &mut Subject) -> Acted {
    let program = bundle::server_of(&subject.parameters.from)?;
    let Some(unit) = subject.status().unit() else {
        return kill_app(subject);
    };
    if program != layout::in_bin(layout::RELAY) {
        subject.note("nothing was killed", "the bundle has no relay");
        return Ok(());
    }
    let relay = subject.main_pid(&unit);
    // proc_pid_task(5) and proc_tid_children(5)
    kill_with(
        subject,
        &unit,
        &format!("kill -9 $(cat /proc/{relay}/task/*/children)"),
    )
}

/// Kills the front. In the other front modes nginx is EB's own, and systemd does not start it again: its unit has no
/// `Restart=`.
pub fn kill_nginx(subject: &mut Subject) -> Acted {
    if subject.status().front() != "nginx" {
        subject.note(
            "nothing was killed",
            "nginx is EB's own, which nothing starts again",
        );
        return Ok(());
    }
    kill(subject, layout::FRONT)
}

/// Kills a unit's main process.
fn kill(subject: &mut Subject, unit: &str) -> Acted {
    let command = format!("systemctl kill --kill-whom=main --signal=KILL {unit}");
    kill_with(subject, unit, &command)
}

/// Runs `command`, which kills a process of `unit`, and waits until the unit has another main process.
fn kill_with(subject: &mut Subject, unit: &str, command: &str) -> Acted {
    let pid = subject.main_pid(unit);
    let start = subject.clock.now();
    subject.must(command)?;
    subject.killed = Some(Window {
        start,
        end: subject.clock.now(),
    });
    subject.wait("the killed process was not replaced", |subject| {
        let now = subject.main_pid(unit);
        now != pid && now != "0" && subject.say(&format!("systemctl is-active {unit}")) == "active"
    });
    Ok(())
}

pub fn stop_app(subject: &mut Subject) -> Acted {
    let unit = subject
        .status()
        .unit()
        .unwrap_or_else(|| layout::WEB.into());
    subject.must(&format!("systemctl stop {unit}"))?;
    subject.wait("no connection has started the server", |subject| {
        subject.say(&format!("systemctl is-active {unit}")) == "active"
    });
    Ok(())
}

pub fn reboot(subject: &mut Subject) -> Acted {
    let deployment = subject.engine.reboot()?;
    let answer = subject
        .ask()
        .map_or_else(|error| error.to_string(), |a| format!("{:?}", a.outcome));
    subject.check(
        "the first request after the boot failed",
        answer == "Ok",
        answer.clone(),
    );
    subject.succeed(deployment)
}
