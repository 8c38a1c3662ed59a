//! The commands on a model of an instance: what they do, in which order, and what a failure leaves.
#![allow(clippy::unwrap_used)]

use flipless_settings::{FrontMode, layout};

use super::{
    abort, activate, commit, expire, restart, rollback, stage, uninstall, web_started, web_starting,
};
use crate::commands::run_ended;
use crate::deployment::flipped;
use crate::deployment::state::State;
use crate::instance::paths::{DROP_INS, PROXY_STAGING, UNITS};
use crate::instance::system::System;
use crate::proxy::sync::Synced;
use crate::testing::{BUNDLE, DEAD_MAN_SECONDS, Instance, has_front, in_each_mode, step};

mod aborted;
mod bad_settings;
mod bad_state;
mod crash_points;
mod direct;
mod disk;
mod first;
mod foreign;
mod https;
mod image;
mod labels;
mod links;
mod memory;
mod missing;
mod modes;
mod power;
mod properties;
mod sandbox;
mod trial;

fn state(instance: &Instance) -> State {
    State::load(&instance.system).unwrap()
}

fn current_unit(instance: &Instance) -> String {
    state(instance).current.unwrap().unit()
}

fn staged_unit(instance: &Instance) -> String {
    state(instance).staged.unwrap().run.unit()
}

fn stage_version(instance: &Instance, version: &str) -> anyhow::Result<()> {
    instance.new_version(version);
    stage::stage(&instance.system, instance.bundle())
}

/// Puts a configuration of nginx where EB prepares it.
fn stage_proxy(instance: &Instance) {
    let main = format!("{PROXY_STAGING}/nginx.conf");
    instance.system.write(main, b"one", 0o644).unwrap();
}

/// Plays EB's flip: the bundle is in place when web.service starts.
fn flip(instance: &Instance) -> anyhow::Result<()> {
    instance.flip();
    start_web(instance)
}

/// Starts web.service with the commands of its drop-in, if the drop-in exists.
fn start_web(instance: &Instance) -> anyhow::Result<()> {
    web_starting::web_starting(&instance.system)?;
    match instance.has_drop_in("web.service") {
        true => web_started::web_started(&instance.system),
        false => Ok(()),
    }
}

/// Plays a whole deployment.
fn deploy(instance: &Instance, version: &str) {
    stage_version(instance, version).unwrap();
    flip(instance).unwrap();
    commit::commit(&instance.system).unwrap();
}

/// An instance on which `version` is current.
fn deployed(version: &str) -> Instance {
    let instance = Instance::new();
    deploy(&instance, version);
    instance.take_calls();
    instance
}

#[test]
fn a_staged_run_is_held_until_the_flip_and_then_the_old_run_drains() {
    in_each_mode(|| {
        let instance = deployed("v1");
        let old = current_unit(&instance);
        stage_version(&instance, "v2").unwrap();
        let new = staged_unit(&instance);
        assert_eq!(
            (instance.unit(&old), instance.unit(&new)),
            ("active".into(), "active".into())
        );
        assert_eq!(instance.unit(layout::DEADMAN_TIMER), "active");
        assert_eq!(instance.serving(), std::slice::from_ref(&old), "it is held");
        assert_eq!(
            current_unit(&instance),
            old,
            "a boot before the flip starts the old one"
        );
        // A restart of the stand-in is not a flip.
        start_web(&instance).unwrap();
        assert_eq!(current_unit(&instance), old);

        flip(&instance).unwrap();
        assert_eq!(current_unit(&instance), new);
        assert_eq!(instance.serving(), std::slice::from_ref(&new));
        assert_eq!(state(&instance).previous.unwrap().unit(), old);
        assert_eq!(
            instance.unit(&old),
            "deactivating",
            "stopped without waiting: it drains"
        );
        assert_eq!(instance.unit(layout::DEADMAN_TIMER), "inactive");
        assert_eq!(state(&instance).staged, None);
        let flipped = state(&instance);
        commit::commit(&instance.system).unwrap();
        assert_eq!(state(&instance), flipped, "the commit only finishes");
    });
}

#[test]
fn the_same_bundle_again_is_a_new_run_of_the_same_release() {
    let instance = deployed("v1");
    let old = state(&instance).current.unwrap();
    deploy(&instance, "v1");
    let new = state(&instance).current.unwrap();
    assert_eq!(new.release, old.release);
    assert_ne!(new.run, old.run);
    assert_eq!(
        state(&instance).previous,
        None,
        "there is no other release to go back to"
    );
}

#[test]
fn a_version_that_does_not_become_ready_is_stopped_and_the_old_one_continues() {
    let instance = deployed("v1");
    let (old, before) = (current_unit(&instance), state(&instance));
    instance
        .model
        .borrow_mut()
        .failing
        .push("flipless-app@".into());
    let error = stage_version(&instance, "v2").unwrap_err();
    assert!(
        format!("{error:#}").contains("panicked at line 1"),
        "{error:#}"
    );
    let calls = instance.take_calls();
    let new = layout::app_unit(
        calls
            .iter()
            .find_map(|c| c.strip_prefix("start flipless-app@"))
            .unwrap()
            .trim_end_matches(".service"),
    );
    assert!(calls.contains(&format!("stop {new}")), "{calls:?}");
    assert!(!calls.iter().any(|call| call.contains(&old)), "{calls:?}");
    assert_eq!(instance.unit(layout::DEADMAN_TIMER), "inactive");
    let after = state(&instance);
    assert_eq!((after.current, after.staged), (before.current, None));
}

#[test]
fn a_failed_stage_restores_the_units_of_the_current_release() {
    let instance = deployed("v1");
    let unit = format!("systemd/{}", layout::APP_SOCKET);
    let installed = format!("{UNITS}/{}", layout::APP_SOCKET);
    let before = instance.system.read(&installed).unwrap();
    let other = b"[Socket]\nListenStream=127.0.0.1:5000\nBacklog=7\n";
    instance
        .system
        .write(format!("{BUNDLE}/{unit}"), other, 0o644)
        .unwrap();
    instance
        .model
        .borrow_mut()
        .failing
        .push("flipless-app@".into());
    assert!(stage_version(&instance, "v2").is_err());
    assert_eq!(instance.system.read(&installed).unwrap(), before);
    assert_eq!(
        instance
            .take_calls()
            .iter()
            .filter(|call| *call == "daemon-reload")
            .count(),
        2
    );
    instance.model.borrow_mut().failing.clear();
    stage_version(&instance, "v2").unwrap();
    assert_eq!(instance.system.read(&installed).unwrap().unwrap(), other);
}

#[test]
fn a_run_that_was_staged_before_a_reboot_blocks_no_deployment() {
    let instance = deployed("v1");
    stage_version(&instance, "v2").unwrap();
    instance.model.borrow_mut().boot = "two".into();
    restart::restart(&instance.system).unwrap();
    assert_eq!(state(&instance).staged, None);
}

#[test]
fn a_bad_proxy_configuration_fails_before_anything_is_touched() {
    let instance = deployed("v1");
    instance
        .system
        .write(format!("{PROXY_STAGING}/nginx.conf"), b"}", 0o644)
        .unwrap();
    instance.model.borrow_mut().nginx_refuses = true;
    instance.new_version("v2");
    let before = instance.files();
    let error = stage::stage(&instance.system, instance.bundle()).unwrap_err();
    assert!(format!("{error:#}").contains("nginx.conf:3"), "{error:#}");
    assert_eq!(instance.take_calls(), Vec::<String>::new());
    let mut after = instance.files();
    after.retain(|path, _| !path.contains("/var/proxy/staging"));
    assert!(after.iter().all(|(path, content)| path.ends_with("/lock")
        || path.ends_with("/state.json")
        || before.get(path) == Some(content)));
}

#[test]
fn the_staged_run_of_an_interrupted_deployment_is_discarded_by_the_next() {
    let instance = deployed("v1");
    stage_version(&instance, "v2").unwrap();
    let leftover = staged_unit(&instance);
    stage_version(&instance, "v3").unwrap();
    assert_eq!(
        instance.unit(&leftover),
        "inactive",
        "a held run does not drain"
    );
    assert_ne!(staged_unit(&instance), leftover);
}

#[test]
fn a_run_that_an_interrupted_restart_left_is_stopped_and_a_draining_one_is_not() {
    let instance = deployed("v1");
    let (current, stray, draining) = (
        current_unit(&instance),
        layout::app_unit("x-8"),
        layout::app_unit("x-9"),
    );
    instance
        .model
        .borrow_mut()
        .units
        .insert(stray.clone(), "active".into());
    instance
        .model
        .borrow_mut()
        .units
        .insert(draining.clone(), "deactivating".into());
    stage_version(&instance, "v2").unwrap();
    let calls = instance.take_calls();
    assert!(
        calls.contains(&format!("stop --no-block {stray}")),
        "{calls:?}"
    );
    assert!(
        !calls
            .iter()
            .any(|call| call.contains(&draining) || call.contains(&current))
    );
}

#[test]
fn a_second_commit_succeeds_and_a_commit_without_stage_fails() {
    let instance = deployed("v1");
    let once = state(&instance);
    commit::commit(&instance.system).unwrap();
    assert_eq!(state(&instance), once);
    // EB has flipped to a bundle whose predeploy hook did not run.
    instance.new_version("v2");
    flipped::unmark(&instance.system, BUNDLE.as_ref()).unwrap();
    instance.flip();
    let error = commit::commit(&instance.system).unwrap_err();
    assert!(error.to_string().contains("predeploy"), "{error}");
    assert_eq!(instance.serving(), [once.current.unwrap().unit()]);
}

#[test]
fn without_a_current_run_a_commit_stages_the_bundle_that_eb_has_flipped_to() {
    let instance = Instance::new();
    instance.flip();
    commit::commit(&instance.system).unwrap();
    assert_eq!(instance.serving(), [current_unit(&instance)]);
}

#[test]
fn a_second_commit_stops_the_runs_that_an_interrupted_first_one_left() {
    let instance = deployed("v1");
    let stray = layout::app_unit("x-8");
    instance
        .model
        .borrow_mut()
        .units
        .insert(stray.clone(), "active".into());
    commit::commit(&instance.system).unwrap();
    assert_eq!(instance.unit(&stray), "deactivating");
}

#[test]
fn a_staged_run_that_has_ended_fails_the_flip_and_the_old_run_continues() {
    let instance = deployed("v1");
    let old = current_unit(&instance);
    stage_version(&instance, "v2").unwrap();
    let dead = state(&instance).staged.unwrap().run;
    instance.model.borrow_mut().units.remove(&dead.unit());
    let how = run_ended::How {
        result: "exit-code".into(),
        status: "1".into(),
    };
    run_ended::run_ended(&instance.system, &dead.run, &how).unwrap();
    let error = format!("{:#}", flip(&instance).unwrap_err());
    assert!(error.contains("ended before EB's flip"), "{error}");
    assert_eq!(current_unit(&instance), old);
    assert_eq!(instance.serving(), std::slice::from_ref(&old));
    // systemd restarts the stand-in, which now stays active.
    instance.model.borrow_mut().restarts_of_web = 1;
    start_web(&instance).unwrap();
    assert_eq!(current_unit(&instance), old);
    assert!(commit::commit(&instance.system).is_err());
}

#[test]
fn after_a_reboot_in_the_flip_the_new_version_starts_and_takes_over() {
    let instance = deployed("v1");
    stage_version(&instance, "v2").unwrap();
    let new = staged_unit(&instance);
    instance.flip();
    instance.reboot();
    assert_eq!(instance.serving(), std::slice::from_ref(&new));
    assert_eq!(current_unit(&instance), new);
    commit::commit(&instance.system).unwrap();
}

#[test]
fn a_flip_to_an_aborted_run_fails_once_and_the_old_version_continues() {
    let commands: [fn(&System) -> anyhow::Result<()>; 3] =
        [abort::abort, restart::restart, rollback::rollback];
    for command in commands {
        let instance = deployed("v0");
        deploy(&instance, "v1");
        instance.let_drain();
        stage_version(&instance, "v2").unwrap();
        let staged = staged_unit(&instance);
        command(&instance.system).unwrap();
        instance.let_drain();
        assert_eq!(instance.unit(&staged), "inactive");
        assert_eq!(instance.unit(layout::DEADMAN_TIMER), "inactive");
        let current = current_unit(&instance);
        let error = format!("{:#}", flip(&instance).unwrap_err());
        assert!(error.contains("was discarded before"), "{error}");
        instance.model.borrow_mut().restarts_of_web = 1;
        start_web(&instance).unwrap();
        assert_eq!(instance.serving(), [current]);
        deploy(&instance, "v3");
        assert_eq!(instance.serving(), [current_unit(&instance)]);
    }
}

/// EB ends the deployment at the failure, before it starts nginx. In stock mode the old version serves behind nginx, so
/// the agent has to start nginx.
#[test]
fn after_a_flip_that_fails_nginx_runs_again() {
    let instance = deployed("v1");
    stage_version(&instance, "v2").unwrap();
    stage_proxy(&instance);
    abort::abort(&instance.system).unwrap();
    assert_eq!(instance.unit("nginx.service"), "inactive");
    flip(&instance).unwrap_err();
    assert_eq!(instance.unit("nginx.service"), "active");
}

#[test]
fn an_abort_after_the_flip_comes_too_late_and_changes_nothing() {
    let instance = deployed("v1");
    stage_version(&instance, "v2").unwrap();
    flip(&instance).unwrap();
    let new = current_unit(&instance);
    abort::abort(&instance.system).unwrap();
    assert_eq!(instance.serving(), [new]);
}

#[test]
fn the_dead_mans_switch_discards_only_after_the_deadline_or_a_reboot() {
    let instance = deployed("v1");
    stage_version(&instance, "v2").unwrap();
    let staged = staged_unit(&instance);
    instance.take_calls();
    instance.model.borrow_mut().uptime = DEAD_MAN_SECONDS - 1;
    expire::expire(&instance.system).unwrap();
    assert_eq!(
        instance.take_calls(),
        [format!("restart {}", layout::DEADMAN_TIMER)]
    );
    assert_eq!(instance.unit(&staged), "active");

    instance.model.borrow_mut().uptime = DEAD_MAN_SECONDS;
    expire::expire(&instance.system).unwrap();
    assert_eq!(
        instance.unit(&staged),
        "inactive",
        "a held run does not drain"
    );
    assert_eq!(state(&instance).staged, None);
    let failure = state(&instance).failure.unwrap();
    assert_eq!(failure.during, "deployment", "{}", failure.reason);

    stage_version(&instance, "v3").unwrap();
    let staged = staged_unit(&instance);
    instance.model.borrow_mut().boot = "two".into();
    expire::expire(&instance.system).unwrap();
    assert_eq!(
        instance.unit(&staged),
        "inactive",
        "a held run does not drain"
    );
}

#[test]
fn a_flip_after_the_deadline_fails_until_another_version_is_staged() {
    let instance = deployed("v1");
    let old = state(&instance).current.unwrap().release;
    stage_version(&instance, "v2").unwrap();
    let late = state(&instance).staged.unwrap().run.run;
    instance.model.borrow_mut().uptime = DEAD_MAN_SECONDS;
    expire::expire(&instance.system).unwrap();
    instance.flip();
    for _ in 0..2 {
        let error = commit::commit(&instance.system).unwrap_err();
        assert!(error.to_string().contains(&late), "{error}");
        assert_eq!(state(&instance).current.unwrap().release, old);
        // `commit` also fails after a restart.
        restart::restart(&instance.system).unwrap();
        instance.let_drain();
    }
    let error = start_web(&instance).unwrap_err();
    assert!(error.to_string().contains(&late), "{error}");
    // `commit` also fails after a `stage` that has failed.
    instance.model.borrow_mut().failing.push("-5".into());
    assert!(stage_version(&instance, "v3").is_err());
    assert!(commit::commit(&instance.system).is_err());
    instance.model.borrow_mut().failing.clear();
    deploy(&instance, "v4");
    commit::commit(&instance.system).unwrap();
}

#[test]
fn the_dead_mans_switch_stops_a_run_that_a_killed_command_left_beside_the_current_one() {
    let instance = deployed("v1");
    let stray = layout::app_unit("x-8");
    let units = [(stray.clone(), "active".to_owned())];
    instance.model.borrow_mut().units.extend(units);
    expire::expire(&instance.system).unwrap();
    assert_eq!(instance.unit(&stray), "deactivating");
    assert_eq!(instance.unit(&current_unit(&instance)), "active");
}

#[test]
fn the_dead_mans_switch_keeps_the_only_version() {
    let instance = Instance::new();
    stage_version(&instance, "v1").unwrap();
    let only = staged_unit(&instance);
    instance.flip();
    instance.model.borrow_mut().uptime = DEAD_MAN_SECONDS;
    expire::expire(&instance.system).unwrap();
    assert_eq!(instance.unit(&only), "active");
    assert_eq!(current_unit(&instance), only);
}

#[test]
fn rollback_starts_a_new_run_of_the_previous_release_beside_the_current_one() {
    let instance = deployed("v1");
    let first = state(&instance).current.unwrap();
    assert!(
        rollback::rollback(&instance.system).is_err(),
        "there is nothing to go back to yet"
    );
    deploy(&instance, "v2");
    let second = state(&instance).current.unwrap();
    rollback::rollback(&instance.system).unwrap();
    let now = state(&instance);
    assert_eq!(now.current.as_ref().unwrap().release, first.release);
    assert_ne!(
        now.current.as_ref().unwrap().run,
        first.run,
        "the first run may still drain"
    );
    assert_eq!(now.previous.unwrap().release, second.release);
    assert_eq!(instance.unit(&second.unit()), "deactivating");
    assert_eq!(instance.unit(layout::DEADMAN_TIMER), "inactive");
}

#[test]
fn only_a_requested_restart_of_web_service_restarts_the_server() {
    let instance = deployed("v1");
    instance.reboot();
    let run = current_unit(&instance);
    assert_eq!(instance.serving(), std::slice::from_ref(&run), "since boot");
    stage_version(&instance, "v1").unwrap();
    start_web(&instance).unwrap();
    assert_eq!(current_unit(&instance), run, "in a deployment");
    flip(&instance).unwrap();
    commit::commit(&instance.system).unwrap();
    let run = current_unit(&instance);
    instance.model.borrow_mut().restarts_of_web = 1;
    start_web(&instance).unwrap();
    assert_eq!(
        current_unit(&instance),
        run,
        "systemd's own restart of the stand-in"
    );
    instance.model.borrow_mut().restarts_of_web = 0;
    start_web(&instance).unwrap();
    assert_ne!(current_unit(&instance), run, "EB's \"restart app server\"");
    assert_eq!(instance.unit(&run), "deactivating");
}

#[test]
fn a_changed_address_of_a_serving_listener_is_refused_and_nothing_written() {
    let instance = deployed("v1");
    let unit = format!("{BUNDLE}/systemd/{}", layout::APP_SOCKET);
    instance
        .system
        .write(unit, b"[Socket]\nListenStream=127.0.0.1:5001\n", 0o644)
        .unwrap();
    let installed = format!("{UNITS}/{}", layout::APP_SOCKET);
    let before = instance.system.read(&installed).unwrap();
    let error = stage_version(&instance, "v2").unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:5001"), "{error}");
    assert_eq!(instance.system.read(&installed).unwrap(), before);
    assert!(
        !instance
            .take_calls()
            .iter()
            .any(|call| call == "daemon-reload")
    );
}

#[test]
fn another_front_mode_is_refused() {
    let instance = deployed("v1");
    let mut other = state(&instance);
    other.front = FrontMode::Direct;
    other.save(&instance.system).unwrap();
    let error = stage_version(&instance, "v2").unwrap_err();
    assert!(error.to_string().contains("uninstall"), "{error}");
}

#[test]
fn the_gate_starts_the_current_run_and_never_a_staged_one() {
    let instance = Instance::new();
    assert!(activate::activate(&instance.system).is_err());
    stage_version(&instance, "v1").unwrap();
    assert!(activate::activate(&instance.system).is_err());
    flip(&instance).unwrap();
    let current = current_unit(&instance);
    stage_version(&instance, "v2").unwrap();
    instance.take_calls();
    activate::activate(&instance.system).unwrap();
    assert_eq!(
        instance.take_calls(),
        [format!("start --no-block {current}")]
    );
}

#[test]
fn uninstall_stops_the_stand_in_before_it_removes_the_drop_in_and_leaves_no_file() {
    in_each_mode(|| {
        let instance = Instance::new();
        deploy(&instance, "v1");
        assert_eq!(instance.has_drop_in(layout::NGINX), has_front());
        let run = current_unit(&instance);
        instance.take_calls();
        instance.model.borrow_mut().front_lingers = true;
        uninstall::uninstall(&instance.system).unwrap();
        let calls = instance.take_calls();
        let at = |call: &str| calls.iter().position(|made| made == call).unwrap();
        if has_front() {
            assert!(at("stop nginx.service") < at("daemon-reload"), "{calls:?}");
            // Connections that do not end must not keep the port open.
            at(&format!("kill --signal=TERM {}", layout::FRONT));
        }
        assert!(
            at(&format!("stop {}", layout::APP_SOCKET)) < at(&format!("stop {run}")),
            "{calls:?}"
        );
        assert_eq!(instance.unit("nginx.service") == "active", has_front());
        for path in [layout::ROOT, layout::STATE, UNITS] {
            let left = if path == UNITS {
                !instance.system.names(UNITS).unwrap().is_empty()
            } else {
                instance.system.exists(path)
            };
            assert!(!left, "{path}");
        }
        assert!(!instance.has_drop_in(layout::NGINX));
    });
}

#[test]
fn the_front_is_reloaded_only_for_a_changed_configuration() {
    let instance = deployed("v1");
    instance.take_calls();
    assert_eq!(
        crate::proxy::sync::sync(&instance.system).unwrap(),
        Synced::Unchanged
    );
    instance
        .system
        .write("/etc/nginx/nginx.conf", b"two", 0o644)
        .unwrap();
    assert_eq!(
        crate::proxy::sync::sync(&instance.system).unwrap(),
        Synced::Reloaded
    );
    assert_eq!(instance.take_calls(), [format!("reload {}", layout::FRONT)]);
    // A requested reload of nginx.service always reloads the front.
    crate::proxy::front::renew(&instance.system).unwrap();
    assert_eq!(instance.take_calls(), [format!("reload {}", layout::FRONT)]);
}

#[test]
fn units_that_are_links_out_of_the_bundle_are_refused() {
    let instance = deployed("v1");
    let current = current_unit(&instance);
    let system = &instance.system;
    system.write("/secret", b"secret", 0o600).unwrap();
    for unit in [layout::DEADMAN, layout::APP_TEMPLATE] {
        let path = format!("{BUNDLE}/systemd/{unit}");
        let before = system.read(&path).unwrap();
        system.remove(&path).unwrap();
        let secret = system.locate("/secret");
        system.link(&secret, &path).unwrap();
        let error = format!("{:#}", stage_version(&instance, "v2").unwrap_err());
        assert!(
            error.contains(unit) && error.contains("contains a link"),
            "{error}"
        );
        assert_eq!(instance.serving(), std::slice::from_ref(&current));
        let leaked = instance.files();
        let leaked = leaked.iter().filter(|(_, content)| *content == b"secret");
        assert_eq!(leaked.count(), 1, "the secret itself");
        system.remove(&path).unwrap();
        if let Some(before) = before {
            system.write(&path, &before, 0o644).unwrap();
        }
    }
}
