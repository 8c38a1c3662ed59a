//! An adoption that was aborted before the flip: the old application continues to serve.

use std::time::Duration;

use super::first::units_in;
use super::*;
use crate::deployment::withdrawal::GIVES_PORT_BACK;
use crate::instance::lock;
use crate::instance::paths::{FLIPPED, RUNTIME_UNITS};
use crate::instance::system::System;

/// Returns an instance on which EB has aborted an adoption before the flip, because a later hook has failed. With
/// `taken`, the old application listens on the port during `stage`.
pub fn aborted(taken: bool) -> Instance {
    let instance = Instance::new();
    if taken {
        let socket = layout::APP_SOCKET.to_owned();
        instance.model.borrow_mut().failing.push(socket);
    }
    stage_version(&instance, "v1").unwrap();
    // Then the old application crashes, or EB restarts it, so the port is free.
    instance.model.borrow_mut().failing.clear();
    assert!(instance.has_drop_in("web.service"));
    instance
}

/// Checks that no unit and no run of flipless is left.
fn assert_withdrawn(instance: &Instance, when: &str) {
    assert!(!instance.has_drop_in("web.service"), "{when}");
    assert_eq!(instance.serving(), [""; 0], "{when}");
    for unit in [layout::APP_SOCKET, layout::DEADMAN_TIMER] {
        assert_eq!(instance.unit(unit), "inactive", "{when}: {unit}");
    }
    for folder in [UNITS, RUNTIME_UNITS, DROP_INS] {
        assert_eq!(units_in(instance, folder), [""; 0], "{when}: {folder}");
    }
    assert_eq!(state(instance).current, None, "{when}");
}

/// Checks that not even a folder is left.
fn assert_nothing_left(instance: &Instance, when: &str) {
    for folder in [layout::ROOT, layout::STATE_FOLDER, layout::RUNTIME] {
        assert!(!instance.system.exists(folder), "{when}: {folder}");
    }
}

/// Does what systemd does before it starts web.service, if the drop-in exists.
fn start_of_web(system: &System) -> anyhow::Result<()> {
    web_starting::web_starting(system)
}

#[test]
fn without_a_flip_a_start_of_web_starts_the_old_application() {
    in_each_mode(|| {
        for taken in [true, false] {
            let when = format!("the port was taken: {taken}");
            let instance = aborted(taken);
            instance.take_calls();
            start_of_web(&instance.system).unwrap();
            assert_withdrawn(&instance, &when);
            let calls = instance.take_calls();
            assert!(calls.ends_with(&["daemon-reload".into()]), "{calls:?}");
            let started = calls.iter().find(|call| call.contains("start"));
            assert_eq!(started, None, "systemd itself starts it next");
            assert_nothing_left(&instance, &when);
            deploy(&instance, "v2");
            assert_eq!(instance.serving(), [current_unit(&instance)], "{when}");
        }
    });
}

#[test]
fn a_stage_that_was_killed_before_it_saved_the_state_is_withdrawn_too() {
    in_each_mode(|| {
        let instance = aborted(true);
        instance.system.remove(layout::STATE).unwrap();
        start_of_web(&instance.system).unwrap();
        assert_withdrawn(&instance, "no state");
    });
}

#[test]
fn with_a_current_run_the_start_of_web_takes_no_lock_and_changes_nothing() {
    let instance = deployed("v1");
    let before = instance.files();
    let _held = lock::take(&instance.system, "lock", "a deployment", Duration::ZERO).unwrap();
    start_of_web(&instance.system).unwrap();
    assert_eq!(instance.take_calls(), [""; 0]);
    let changed = instance.files();
    let changed = changed
        .iter()
        .filter(|(path, content)| before.get(*path) != Some(*content));
    let changed: Vec<_> = changed
        .filter(|(path, _)| !path.ends_with("/lock"))
        .collect();
    assert_eq!(changed.len(), 0, "{changed:?}");
}

#[test]
fn a_lost_state_is_no_first_deployment() {
    in_each_mode(|| {
        let instance = deployed("v1");
        let current = current_unit(&instance);
        for lost in [layout::STATE, FLIPPED] {
            instance.system.remove(lost).unwrap();
        }
        start_of_web(&instance.system).unwrap();
        assert_eq!(instance.serving(), std::slice::from_ref(&current));
        assert_eq!(instance.unit(layout::APP_SOCKET), "active");
        restart::restart(&instance.system).unwrap();
        assert_eq!(instance.unit(&current), "deactivating");
    });
}

/// Returns an instance after a late flip. Before the flip, the old application has crashed, and the agent has given the
/// instance back.
fn flipped_after_all() -> Instance {
    let instance = aborted(true);
    start_of_web(&instance.system).unwrap();
    instance.flip();
    // The flip has started EB's own nginx, because the drop-in is removed.
    instance.make_active("nginx.service");
    instance.take_calls();
    instance
}

#[test]
fn a_flip_after_the_instance_was_given_back_is_adopted_by_its_commit() {
    in_each_mode(|| {
        let instance = flipped_after_all();
        commit::commit(&instance.system).unwrap();
        assert_eq!(instance.serving(), [current_unit(&instance)]);
        assert_eq!(units_in(&instance, RUNTIME_UNITS), [""; 0]);
        let units = [layout::APP_SOCKET, layout::DEADMAN, layout::IDENTITY];
        assert_eq!(units_in(&instance, UNITS), units);
        assert!(instance.model.borrow().enabled.contains(layout::APP_SOCKET));
        assert!(
            instance.has_drop_in("web.service"),
            "for the next start of web.service"
        );
        assert_eq!(instance.unit(layout::DEADMAN_TIMER), "inactive");
        // EB's nginx had the public port until the server was ready. Now the front has the port.
        let calls = instance.take_calls();
        if has_front() {
            let at = |call: String| calls.iter().position(|made| *made == call).unwrap();
            let nginx = at("restart nginx.service".into());
            let started = at(format!("start {}", current_unit(&instance)));
            assert!(started < nginx, "{calls:?}");
            assert!(nginx < at(format!("start {}", layout::FRONT)), "{calls:?}");
        }
        // Now nginx.service is the stand-in, so another `commit` does not restart it.
        commit::commit(&instance.system).unwrap();
        let again = instance.take_calls();
        assert!(
            !again.contains(&"restart nginx.service".into()),
            "{again:?}"
        );
        // The next start of web.service is EB's "restart app server".
        let before = current_unit(&instance);
        start_of_web(&instance.system).unwrap();
        web_started::web_started(&instance.system).unwrap();
        assert_ne!(current_unit(&instance), before);
    });
}

#[test]
fn a_late_adoption_does_not_start_nginx_if_eb_has_not_started_it() {
    in_each_mode(|| {
        let instance = flipped_after_all();
        instance.model.borrow_mut().units.remove("nginx.service");
        commit::commit(&instance.system).unwrap();
        assert_eq!(instance.unit("nginx.service"), "inactive");
        assert_eq!(instance.unit(layout::FRONT) == "active", has_front());
    });
}

#[test]
fn a_killed_late_adoption_is_continued_by_the_next_commit() {
    in_each_mode(|| {
        for point in (0..).step_by(step()) {
            let when = format!("point {point}");
            let instance = flipped_after_all();
            if instance.kill_at(point, commit::commit).is_none() {
                assert!(point > 30, "{when}");
                break;
            }
            commit::commit(&instance.system).unwrap();
            assert_adopted(&instance, &when);
        }
    });
}

#[test]
fn a_reboot_while_a_late_adoption_waits_for_the_server_starts_it() {
    in_each_mode(|| {
        let mut begun = 0;
        for point in (0..).step_by(step()) {
            let instance = flipped_after_all();
            if instance.kill_at(point, commit::commit).is_none() {
                break;
            }
            let calls = instance.take_calls();
            if calls
                .iter()
                .any(|call| call.starts_with("start flipless-app@"))
            {
                begun += 1;
                instance.reboot();
                assert_eq!(instance.serving().len(), 1, "point {point}");
            }
        }
        assert!(begun > 3);
    });
}

/// Checks that the version that EB has flipped to is current, also after a boot, and that its stand-ins are installed.
fn assert_adopted(instance: &Instance, when: &str) {
    assert_eq!(instance.serving(), [current_unit(instance)], "{when}");
    assert_eq!(
        instance.unit(layout::FRONT) == "active",
        has_front(),
        "{when}"
    );
    assert_eq!(units_in(instance, RUNTIME_UNITS), [""; 0], "{when}");
    for (unit, is_stand_in) in [(layout::NGINX, has_front()), (layout::WEB, true)] {
        let drop_in = format!("{DROP_INS}/{unit}.d/{}", layout::DROP_IN);
        let exists = instance.system.exists(drop_in);
        assert_eq!(exists, is_stand_in, "{when}: {unit}");
    }
    assert!(
        instance.model.borrow().enabled.contains(layout::GATE),
        "{when}"
    );
}

/// EB's flip stops web.service. This interrupts the agent's command, which runs in the start of web.service.
#[test]
fn a_flip_in_the_middle_of_a_withdrawal_is_adopted_by_its_commit() {
    in_each_mode(|| {
        for taken in [true, false] {
            for front in [has_front(), false] {
                for point in (0..).step_by(step()) {
                    let when = format!(
                        "the port was taken: {taken}, the front ran: {front}, point {point}"
                    );
                    let instance = aborted(taken);
                    instance.make_active("nginx.service");
                    if front {
                        crate::proxy::sync::sync(&instance.system).unwrap();
                    }
                    if instance.kill_at(point, start_of_web).is_none() {
                        assert!(point > 10, "{when}");
                        break;
                    }
                    instance.flip();
                    if instance.has_drop_in("web.service") {
                        start_of_web(&instance.system).unwrap();
                        web_started::web_started(&instance.system).unwrap();
                    }
                    if instance.has_drop_in("nginx.service") {
                        crate::proxy::sync::sync(&instance.system).unwrap();
                    }
                    // Without the marker EB's own web.service would run the server, and the server would take the port.
                    let marker = format!("{FLIPPED}/{}", layout::MARKER);
                    assert!(instance.system.exists(marker), "{when}");
                    commit::commit(&instance.system).unwrap();
                    instance.let_drain();
                    assert_adopted(&instance, &when);
                }
            }
        }
    });
}

#[test]
fn an_active_nginx_of_eb_is_not_touched_after_an_interrupted_withdrawal() {
    in_each_mode(|| {
        let instance = aborted(true);
        instance.system.write(GIVES_PORT_BACK, b"", 0o644).unwrap();
        instance.make_active("nginx.service");
        instance.take_calls();
        start_of_web(&instance.system).unwrap();
        let calls = instance.take_calls();
        let touched = calls.iter().find(|call| call.contains("nginx.service"));
        assert_eq!(touched, None);
        assert!(!instance.system.exists(GIVES_PORT_BACK));
    });
}

/// certbot may reload nginx.service between `stage` and the flip, or after an aborted deployment.
#[test]
fn a_reload_before_the_flip_reloads_ebs_nginx() {
    let instance = aborted(true);
    instance.take_calls();
    crate::proxy::front::renew(&instance.system).unwrap();
    assert_eq!(instance.take_calls(), [""; 0], "the front does not run");
    assert_eq!(instance.model.borrow().reloads_of_stock, 1);
    instance.model.borrow_mut().nginx_refuses = true;
    let error = crate::proxy::front::renew(&instance.system).unwrap_err();
    assert!(error.to_string().contains("unexpected"), "{error}");
}

/// EB will not flip to this version, because for EB the old application is still deployed.
#[test]
fn a_version_that_ran_before_an_aborted_flip_is_discarded() {
    in_each_mode(|| {
        let instance = aborted(false);
        instance.model.borrow_mut().uptime = DEAD_MAN_SECONDS;
        expire::expire(&instance.system).unwrap();
        instance.let_drain();
        assert_withdrawn(&instance, "the dead man's switch");
    });
}

#[test]
fn a_late_adoption_that_does_not_start_fails_its_commit_and_leaves_nothing() {
    in_each_mode(|| {
        let instance = flipped_after_all();
        instance.make_active("web.service");
        instance.model.borrow_mut().failing = vec!["flipless-app@".to_owned()];
        for _ in 0..2 {
            let error = commit::commit(&instance.system).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains("did not become ready"), "{error}");
            assert_withdrawn(&instance, &error);
            // EB's own web.service runs the server in place of the stand-in.
            let calls = instance.take_calls();
            assert!(
                calls.contains(&"restart --no-block web.service".into()),
                "{calls:?}"
            );
        }
    });
}

/// systemd restarts web.service (`Restart=always`) if its start fails.
#[test]
fn a_killed_withdrawal_ends_with_the_next_start_of_web() {
    in_each_mode(|| {
        for taken in [true, false] {
            for point in (0..).step_by(step()) {
                let when = format!("the port was taken: {taken}, point {point}");
                let instance = aborted(taken);
                instance.take_calls();
                if instance.kill_at(point, start_of_web).is_none() {
                    assert!(point > 10, "{when}");
                    break;
                }
                // Until systemd has read the units again, it still runs the commands of the drop-in.
                let is_stand_in = instance.model.borrow().web_is_stand_in;
                if is_stand_in {
                    start_of_web(&instance.system).unwrap();
                }
                instance.let_drain();
                assert_withdrawn(&instance, &when);
                deploy(&instance, "v2");
                assert_eq!(instance.serving(), [current_unit(&instance)], "{when}");
            }
        }
    });
}

/// systemd restarts a killed `expire`.
#[test]
fn a_killed_expire_discards_an_adoption_after_its_restart() {
    in_each_mode(|| {
        for point in (0..).step_by(step()) {
            let when = format!("point {point}");
            let instance = aborted(true);
            instance.model.borrow_mut().uptime = DEAD_MAN_SECONDS;
            if instance.kill_at(point, expire::expire).is_none() {
                assert!(point > 10, "{when}");
                break;
            }
            expire::expire(&instance.system).unwrap();
            assert_withdrawn(&instance, &when);
            assert_eq!(state(&instance).staged, None, "{when}");
            commit::commit(&instance.system).unwrap_err();
        }
    });
}
