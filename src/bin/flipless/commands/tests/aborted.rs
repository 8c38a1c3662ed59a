//! An adoption that was aborted before the flip: what was there before serves on.

use super::first::units_in;
use super::*;
use crate::paths::RUNTIME_UNITS;

/// A hook behind ours has failed: the deployment is aborted, and the flip never comes. `taken`: the
/// application of before holds the port.
fn aborted(taken: bool) -> Instance {
    let instance = Instance::new();
    let drop_in = format!("{BUNDLE}/systemd/{WEB_DROP_IN}");
    instance.system.write(drop_in, b"[Service]", 0o644).unwrap();
    if taken {
        let socket = layout::APP_SOCKET.to_owned();
        instance.model.borrow_mut().failing.push(socket);
    }
    stage_version(&instance, "v1").unwrap();
    // That application crashes, or EB restarts it: its port is free.
    instance.model.borrow_mut().failing.clear();
    assert!(is_stand_in(&instance));
    instance
}

const WEB_DROP_IN: &str = "web.service.d/zz-flipless.conf";

/// Whether web.service is the stand-in at its next start.
fn is_stand_in(instance: &Instance) -> bool {
    let exists = |folder| instance.system.exists(format!("{folder}/{WEB_DROP_IN}"));
    exists(RUNTIME_UNITS) || exists(DROP_INS)
}

/// Nothing of ours is in the way of the application of before.
fn assert_withdrawn(instance: &Instance, when: &str) {
    assert!(!is_stand_in(instance), "{when}");
    assert_eq!(instance.serving(), [""; 0], "{when}");
    for unit in [layout::APP_SOCKET, layout::DEADMAN_TIMER] {
        assert_eq!(instance.unit(unit), "inactive", "{when}: {unit}");
    }
    for folder in [UNITS, RUNTIME_UNITS, DROP_INS] {
        assert_eq!(units_in(instance, folder), [""; 0], "{when}: {folder}");
    }
    assert_eq!(state(instance).current, None, "{when}");
}

#[test]
fn without_a_flip_a_start_of_web_gives_the_stock_application_back() {
    for taken in [true, false] {
        let when = format!("the port was taken: {taken}");
        let instance = aborted(taken);
        instance.take_calls();
        let error = web_started::web_started(&instance.system).unwrap_err();
        assert!(
            format!("{error:#}").contains("has not flipped"),
            "{error:#}"
        );
        assert_withdrawn(&instance, &when);
        let calls = instance.take_calls();
        assert!(calls.ends_with(&["daemon-reload".into()]), "{calls:?}");
        assert!(
            !calls.iter().any(|call| call.contains("start")),
            "{calls:?}"
        );
        let after = state(&instance);
        assert_eq!(after.staged, None);
        assert!(after.failure.unwrap().reason.contains("has not flipped"));
        commit::commit(&instance.system).unwrap_err();
        stage_version(&instance, "v2").unwrap();
        flip(&instance).unwrap();
        commit::commit(&instance.system).unwrap();
        assert_eq!(instance.serving(), [current_unit(&instance)], "{when}");
    }
}

/// systemd starts web.service again (`Restart=always`) whenever this start fails.
#[test]
fn a_killed_withdrawal_ends_with_the_next_start_of_web() {
    for taken in [true, false] {
        for point in 0.. {
            let when = format!("the port was taken: {taken}, point {point}");
            let instance = aborted(taken);
            instance.take_calls();
            let start = |system: &crate::system::System| {
                web_started::web_started(system).unwrap_err();
                Ok(())
            };
            if instance.kill_at(point, start).is_none() {
                assert!(point > 10, "{when}");
                break;
            }
            // Until it has read the units again, systemd starts what it knows.
            let reloaded = instance.take_calls().contains(&"daemon-reload".into());
            if is_stand_in(&instance) || !reloaded {
                web_started::web_started(&instance.system).unwrap_err();
            }
            assert!(!is_stand_in(&instance), "{when}");
            stage_version(&instance, "v2").unwrap();
            flip(&instance).unwrap();
            commit::commit(&instance.system).unwrap();
            assert_eq!(instance.serving(), [current_unit(&instance)], "{when}");
        }
    }
}

/// systemd starts the dead man again when he was killed.
#[test]
fn a_dead_man_who_is_killed_gives_an_adoption_up_when_he_comes_again() {
    for point in 0.. {
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
}
