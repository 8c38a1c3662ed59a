//! EB flips to a bundle without flipless. The agent gives the instance back during this flip.

use super::first::units_in;
use super::*;
use crate::instance::paths::{FLIPPED, RUNTIME_UNITS};

/// Plays EB's flip from v1 to a bundle without flipless, until the start of web.service. EB has stopped the stand-ins.
fn flipping(instance: &Instance) {
    let system = &instance.system;
    for unit in ["nginx.service", "web.service"] {
        instance.model.borrow_mut().units.remove(unit);
    }
    system.remove(FLIPPED).unwrap();
    // EB's rename leaves no staging folder.
    system.remove(BUNDLE).unwrap();
    let procfile = format!("{FLIPPED}/Procfile");
    system.write(procfile, b"web: ./shop\n", 0o644).unwrap();
    stage_proxy(instance);
    instance.take_calls();
}

/// Returns an instance on which v1 is current, and the stand-in of nginx runs.
fn serving() -> Instance {
    let instance = deployed("v1");
    instance.make_active("nginx.service");
    assert_eq!(instance.unit(layout::FRONT) == "active", has_front());
    instance
}

fn assert_given_back(instance: &Instance, when: &str) {
    for unit in ["nginx.service", "web.service"] {
        assert!(!instance.has_drop_in(unit), "{when}: {unit}");
    }
    let model = instance.model.borrow();
    let ours = model
        .units
        .keys()
        .filter(|unit| unit.starts_with("flipless-"));
    assert_eq!(ours.collect::<Vec<_>>(), [""; 0], "{when}");
    drop(model);
    for folder in [UNITS, RUNTIME_UNITS, DROP_INS] {
        assert_eq!(units_in(instance, folder), [""; 0], "{when}: {folder}");
    }
    let left: Vec<String> = instance.files().into_keys().collect();
    let is_ours = |path: &&String| {
        [
            "/opt/flipless",
            "/var/lib/flipless",
            "/run/flipless",
            "/zz-flipless",
        ]
        .iter()
        .any(|ours| path.contains(ours) && !path.contains(BUNDLE))
    };
    assert_eq!(left.iter().find(is_ours), None, "{when}");
}

#[test]
fn after_a_reboot_a_half_removed_application_is_no_bundle_without_flipless() {
    in_each_mode(|| {
        let instance = serving();
        let current = current_unit(&instance);
        stage_version(&instance, "v2").unwrap();
        // EB has begun to remove the old folder, and has not renamed the new one yet.
        for file in [layout::MARKER, "bin"] {
            instance.system.remove(format!("{FLIPPED}/{file}")).unwrap();
        }
        assert!(instance.system.exists(FLIPPED));
        instance.reboot();
        assert_eq!(current_unit(&instance), current);
        assert_eq!(instance.serving(), [current]);
        deploy(&instance, "v3");
    });
}

#[test]
fn the_instance_is_given_back_in_the_flip_of_a_plain_bundle_and_adopted_again() {
    in_each_mode(|| {
        let instance = serving();
        let path = format!("/etc/nginx/conf.d/{}", flipless_settings::nginx::KEEPALIVE);
        if has_front() {
            instance.system.write(path, b"x", 0o644).unwrap();
        }
        flipping(&instance);
        start_web(&instance).unwrap();
        assert_given_back(&instance, "the flip");
        // EB itself starts nginx, with the plain bundle's configuration.
        assert_eq!(instance.unit("nginx.service"), "inactive");
        let calls = instance.take_calls();
        assert!(
            !calls.iter().any(|call| call.starts_with("start")),
            "{calls:?}"
        );
        assert!(calls.ends_with(&["daemon-reload".into()]), "{calls:?}");

        instance.make_active("nginx.service");
        let port_of_the_plain_one = layout::APP_SOCKET.to_owned();
        instance
            .model
            .borrow_mut()
            .failing
            .push(port_of_the_plain_one);
        stage_version(&instance, "v2").unwrap();
        instance.model.borrow_mut().failing.clear();
        flip(&instance).unwrap();
        commit::commit(&instance.system).unwrap();
        assert_eq!(instance.serving(), [current_unit(&instance)]);
    });
}

#[test]
fn a_plain_application_that_starts_outside_a_flip_gets_a_running_nginx() {
    in_each_mode(|| {
        let instance = serving();
        flipping(&instance);
        instance.make_active("nginx.service");
        start_web(&instance).unwrap();
        assert_given_back(&instance, "outside a flip");
        assert_eq!(instance.unit("nginx.service"), "active");
    });
}

#[test]
fn a_killed_agent_gives_the_instance_back_when_web_service_starts_again() {
    in_each_mode(|| {
        for (reboots, in_flip) in [(false, true), (true, true), (false, false)] {
            for point in (0..).step_by(step()) {
                let when = format!("reboot {reboots}, flip {in_flip}, point {point}");
                let instance = serving();
                flipping(&instance);
                if !in_flip {
                    instance.make_active("nginx.service");
                }
                if instance
                    .kill_at(point, web_starting::web_starting)
                    .is_none()
                {
                    assert!(point > 30, "{when}");
                    break;
                }
                if reboots {
                    instance.reboot();
                }
                // Until systemd has read the units again, it still runs the commands of the drop-in.
                let is_stand_in = instance.model.borrow().web_is_stand_in;
                if is_stand_in || instance.has_drop_in("web.service") {
                    // EB's own start of web.service has failed, so EB does not start nginx.
                    instance.model.borrow_mut().restarts_of_web = u32::from(!reboots);
                    start_web(&instance).unwrap();
                    if !reboots {
                        assert_eq!(instance.unit("nginx.service"), "active", "{when}");
                    }
                    instance.model.borrow_mut().restarts_of_web = 0;
                }
                for unit in ["nginx.service", "web.service"] {
                    assert!(!instance.has_drop_in(unit), "{when}: {unit}");
                }
                assert_eq!(instance.unit(layout::FRONT_SOCKET), "inactive", "{when}");
                assert_eq!(instance.serving(), [""; 0], "{when}");
                if !in_flip {
                    assert_eq!(instance.unit("nginx.service"), "active", "{when}");
                }
                // The next bundle with flipless finds no obstacle. The test checks this at only some of the crash
                // points, because a whole deployment takes long.
                if point % 7 != 0 {
                    continue;
                }
                stage_version(&instance, "v2").unwrap();
                flip(&instance).unwrap();
                commit::commit(&instance.system).unwrap();
                assert_eq!(instance.serving(), [current_unit(&instance)], "{when}");
            }
        }
    });
}

#[test]
fn a_plain_bundle_right_after_a_failed_adoption_is_stock() {
    in_each_mode(|| {
        for taken in [true, false] {
            let instance = super::aborted::aborted(taken);
            instance.model.borrow_mut().uptime = DEAD_MAN_SECONDS - 1;
            flipping(&instance);
            start_web(&instance).unwrap();
            assert_given_back(&instance, &format!("the port was taken: {taken}"));
        }
    });
}

/// The application's user may own `/var/app/current`, and forge a marker there. Such a marker must have no effect.
#[test]
fn a_lost_or_forged_marker_changes_no_version() {
    in_each_mode(|| {
        let instance = serving();
        let (current, marker) = (
            current_unit(&instance),
            format!("{FLIPPED}/{}", layout::MARKER),
        );
        for content in [None, Some("0123456789ab-77\n"), Some("../../etc\n")] {
            match content {
                None => instance.system.remove(&marker).unwrap(),
                Some(text) => instance
                    .system
                    .write(&marker, text.as_bytes(), 0o644)
                    .unwrap(),
            }
            instance.model.borrow_mut().restarts_of_web = 1;
            start_web(&instance).unwrap();
            assert_eq!(
                instance.serving(),
                std::slice::from_ref(&current),
                "{content:?}"
            );
        }
    });
}

#[test]
fn a_damaged_state_does_not_bar_the_way_to_a_plain_bundle() {
    in_each_mode(|| {
        let instance = serving();
        let damaged = b"{\"version\":1,\"front\":\"ngi";
        instance
            .system
            .write(layout::STATE, damaged, 0o600)
            .unwrap();
        flipping(&instance);
        start_web(&instance).unwrap();
        assert_given_back(&instance, "a damaged state");
    });
}

/// The release is on the disk, but no state names it. EB's own web.service then runs the server without the agent.
#[test]
fn a_state_that_is_lost_with_a_reboot_leaves_a_server_that_serves_alone() {
    in_each_mode(|| {
        let instance = serving();
        instance.system.remove(layout::STATE).unwrap();
        instance.reboot();
        // The stand-in ignores a marker of an earlier boot (`commands/stand_in.rs`).
        let marker = instance
            .system
            .read(format!("{FLIPPED}/{}", layout::MARKER))
            .unwrap();
        let marker = String::from_utf8(marker.unwrap_or_default()).unwrap();
        let is_marked = marker.lines().nth(1) == Some(instance.model.borrow().boot.as_str());
        let serves = !instance.serving().is_empty();
        let is_alone = !instance.has_drop_in("web.service") && !is_marked;
        assert!(serves || is_alone);
    });
}
