//! Kills the agent before and after every effect of every command, and inside the replacement of a file. The next
//! command has to find a consistent instance. A version serves at every moment, and at the end exactly one run is
//! current.

use super::*;
use crate::commands::{recover, run_ended};
use crate::instance::paths::RUNTIME_UNITS;
use crate::instance::system::System;

pub type Prepare = fn() -> Instance;
pub type Act = fn(&System) -> anyhow::Result<()>;

fn stage_bundle(system: &System) -> anyhow::Result<()> {
    stage::stage(system, std::path::Path::new(BUNDLE))
}

/// Returns an instance on which v1 is current and v0 is the previous version. The bundle of v2 is unpacked.
fn with_two() -> Instance {
    let instance = deployed("v0");
    instance.let_drain();
    deploy(&instance, "v1");
    instance.let_drain();
    instance.new_version("v2");
    // The new version has other units, for the instance and for the run.
    for unit in [layout::DEADMAN, layout::APP_TEMPLATE] {
        let path = format!("{BUNDLE}/systemd/{unit}");
        instance
            .system
            .write(path, b"[Service]\nExecStart=v2\n", 0o644)
            .unwrap();
    }
    instance
}

/// The instance of [`with_two`], with a configuration of nginx to test.
fn with_a_proxy() -> Instance {
    let instance = with_two();
    let path = format!("{PROXY_STAGING}/nginx.conf");
    instance.system.write(path, b"http {}", 0o644).unwrap();
    instance
}

fn staged() -> Instance {
    let instance = with_two();
    stage_bundle(&instance.system).unwrap();
    instance
}

/// An instance in the flip: EB has renamed the folder, and starts web.service next.
fn renamed() -> Instance {
    let instance = staged();
    instance.flip();
    instance
}

fn flipped() -> Instance {
    let instance = renamed();
    web_started::web_started(&instance.system).unwrap();
    instance
}

pub fn expired() -> Instance {
    let instance = staged();
    let mut model = instance.model.borrow_mut();
    model.uptime = DEAD_MAN_SECONDS;
    // `expire` runs because the timer has elapsed.
    model.units.remove(layout::DEADMAN_TIMER);
    drop(model);
    instance
}

pub fn crashing() -> Instance {
    let instance = with_two();
    trial::crash_too_often(&instance);
    instance
}

/// The current release of [`crashing`].
fn crashed_release() -> String {
    state(&crashing()).current.unwrap().release
}

/// Every command that changes a serving instance: its name, the instance before the command, and the call.
pub const COMMANDS: &[(&str, Prepare, Act)] = &[
    ("stage", with_two, stage_bundle),
    ("stage", with_a_proxy, stage_bundle),
    ("flip", renamed, web_started::web_started),
    ("commit", flipped, commit::commit),
    ("abort", staged, abort::abort),
    ("rollback", with_two, rollback::rollback),
    ("restart", with_two, restart::restart),
    ("restart", properties::rotated, restart::restart),
    ("rollback", properties::rotated_with_two, rollback::rollback),
    ("web-started", with_two, web_started::web_started),
    ("expire", expired, expire::expire),
    ("recover", crashing, recover::recover),
];

/// Kills each command at each of its crash points, and passes the instance to `then`.
fn at_every_point(commands: &[(&str, Prepare, Act)], then: impl Fn(&Instance, &str)) {
    for (name, prepare, act) in commands {
        let mut points = 0;
        loop {
            let instance = prepare();
            instance.model.borrow_mut().gaps.clear();
            if instance.kill_at(points, act).is_none() {
                break;
            }
            then(&instance, &format!("{name}, killed at point {points}"));
            points += step();
        }
        assert!(points >= 6, "{name} has {points} points");
    }
}

/// Checks that exactly one run is current and serves, and that nothing else is left.
pub fn assert_settled(instance: &Instance, when: &str) {
    let state = state(instance);
    let current = state
        .current
        .clone()
        .unwrap_or_else(|| panic!("{when}: none is current"));
    assert_eq!(state.staged, None, "{when}");
    assert_eq!(instance.serving(), [current.unit()], "{when}");
    assert_eq!(
        instance.model.borrow().gaps,
        [""; 0],
        "{when}: no run served"
    );
    assert_eq!(instance.unit(layout::DEADMAN_TIMER), "inactive", "{when}");
    instance.let_drain();
    crate::deployment::prune::prune(&instance.system, &state).unwrap();
    assert_no_leftovers(instance, &current.run, when);
}

fn assert_no_leftovers(instance: &Instance, current: &str, when: &str) {
    let system = &instance.system;
    assert_eq!(system.names(layout::RUNS).unwrap(), [current], "{when}");
    let units = system.names(UNITS).unwrap();
    let runs: Vec<_> = units
        .iter()
        .filter_map(|unit| layout::run_of_unit(unit))
        .collect();
    assert_eq!(runs, [current], "{when}");
    let releases = system.names(layout::RELEASES).unwrap();
    assert!(releases.len() <= 3, "{when}: {releases:?}");
    assert!(
        releases.contains(&state(instance).current.unwrap().release),
        "{when}"
    );
    for path in instance.files().keys() {
        // A temporary file in /run may remain. Its name is fixed, so the next write replaces it.
        let half_written = path.ends_with(".new") && !path.contains("/run/flipless/");
        assert!(
            !half_written && !path.contains(".partial"),
            "{when}: {path}"
        );
        assert!(!path.contains("nginx-test"), "{when}: {path}");
    }
    assert_eq!(system.names(RUNTIME_UNITS).unwrap(), [""; 0], "{when}");
}

#[test]
fn the_next_deployment_completes_or_undoes_the_work_of_a_killed_agent() {
    in_each_mode(|| {
        at_every_point(COMMANDS, |instance, when| {
            assert!(!instance.serving().is_empty(), "{when}");
            deploy(instance, "v3");
            assert_settled(instance, when);
        });
    });
}

#[test]
fn the_same_command_completes_the_work_of_a_killed_one() {
    in_each_mode(|| {
        at_every_point(COMMANDS, |instance, when| {
            let command = when.split(',').next().unwrap();
            let (_, _, act) = COMMANDS.iter().find(|(name, ..)| *name == command).unwrap();
            act(&instance.system).unwrap();
            if command == "stage" {
                flip(instance).unwrap();
                commit::commit(&instance.system).unwrap();
            }
            if command == "recover" {
                let back = state(instance).current.unwrap().release;
                assert_ne!(back, crashed_release(), "{when}");
            }
            // A run that the killed command has left may serve until the dead man's switch stops this run.
            let_the_dead_man_come(instance, when);
            assert_settled(instance, when);
        });
    });
}

#[test]
fn after_a_reboot_one_version_serves_and_the_next_deployment_works() {
    in_each_mode(|| {
        at_every_point(COMMANDS, |instance, when| {
            instance.reboot();
            let current = state(instance).current.unwrap();
            assert_eq!(instance.serving(), [current.unit()], "{when}");
            let release = format!("{}/{}/app/bin", layout::RELEASES, current.release);
            assert!(instance.system.exists(release), "{when}");
            instance.model.borrow_mut().gaps.clear();
            deploy(instance, "v3");
            assert_settled(instance, when);
        });
    });
}

/// Runs `expire` if the dead man's switch is on, or if `expire` itself was killed. In the second case systemd restarts
/// the switch's service.
fn let_the_dead_man_come(instance: &Instance, when: &str) {
    let armed = instance.unit(layout::DEADMAN_TIMER) == "active";
    if armed || when.starts_with("expire") {
        let mut model = instance.model.borrow_mut();
        model.uptime += DEAD_MAN_SECONDS;
        model.units.remove(layout::DEADMAN_TIMER);
        drop(model);
        expire::expire(&instance.system).unwrap();
    }
}

#[test]
fn the_dead_mans_switch_completes_or_undoes_a_killed_command() {
    in_each_mode(|| {
        at_every_point(COMMANDS, |instance, when| {
            let current = match state(instance).staged {
                Some(staged) if when.starts_with("flip") => staged.run.unit(),
                _ => current_unit(instance),
            };
            let_the_dead_man_come(instance, when);
            assert_eq!(current_unit(instance), current, "{when}");
            // A run that stays staged would prevent "restart app server" and the automatic rollback.
            assert_eq!(state(instance).staged, None, "{when}");
            // A release that the state does not name may remain until the next deployment.
            assert_eq!(instance.serving(), [current], "{when}");
            assert_eq!(instance.model.borrow().gaps, [""; 0], "{when}");
        });
    });
}

#[test]
fn an_interrupted_record_of_a_crash_is_complete_or_absent() {
    let how = || run_ended::How {
        result: "signal".into(),
        status: "SEGV".into(),
    };
    for point in 0.. {
        let instance = with_two();
        let run = state(&instance).current.unwrap().run;
        let note = |system: &System| run_ended::run_ended(system, &run, &how());
        note(&instance.system).unwrap();
        let ended = instance.kill_at(point, note).is_none();
        let count = crate::deployment::ends::of(&instance.system, &run)
            .unwrap()
            .len();
        assert!((1..=2).contains(&count), "the file is complete: {count}");
        if ended {
            assert_eq!(count, 2);
            assert!(point > 3, "{point}");
            break;
        }
    }
}

/// EB's start of web.service fails, because the agent was killed. Then systemd restarts the unit by itself.
#[test]
fn a_killed_flip_is_completed_when_systemd_starts_the_stand_in_again() {
    in_each_mode(|| {
        at_every_point(
            &[("flip", renamed, web_started::web_started)],
            |instance, when| {
                instance.model.borrow_mut().restarts_of_web = 1;
                start_web(instance).unwrap();
                let release = state(instance).current.unwrap().release;
                let marked = flipped::flipped(&instance.system);
                let flipped::Flipped::Run(marked) = marked else {
                    panic!("{when}: {marked:?}")
                };
                assert!(
                    marked.starts_with(&release),
                    "{when}: {marked} is not current"
                );
                assert_eq!(instance.serving(), [current_unit(instance)], "{when}");
                assert_eq!(instance.model.borrow().gaps, [""; 0], "{when}");
            },
        );
    });
}
