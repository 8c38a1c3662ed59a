//! The first version of an instance. Until EB's flip, a reboot removes this version from the instance.

use super::*;
use crate::deployment::withdrawal::GIVES_PORT_BACK;
use crate::instance::paths::RUNTIME_UNITS;

pub fn units_in(instance: &Instance, folder: &str) -> Vec<String> {
    let names = instance.system.names(folder).unwrap();
    names
        .into_iter()
        .filter(|name| name.starts_with("flipless-") && !name.contains('@'))
        .collect()
}

/// Returns an instance with a staged first version. Another application listens on the server's port.
fn adopting() -> Instance {
    let instance = Instance::new();
    instance
        .model
        .borrow_mut()
        .failing
        .push(layout::APP_SOCKET.into());
    stage_version(&instance, "v1").unwrap();
    instance
}

#[test]
fn on_an_instance_with_another_app_the_server_starts_in_the_flip() {
    in_each_mode(|| {
        let instance = adopting();
        let unit = staged_unit(&instance);
        assert_eq!(instance.unit(&unit), "inactive");
        instance.model.borrow_mut().failing.clear();
        flip(&instance).unwrap();
        assert_eq!(instance.unit(layout::APP_SOCKET), "active");
        assert_eq!(instance.unit(&unit), "active");
        commit::commit(&instance.system).unwrap();
        assert_eq!(current_unit(&instance), unit);
    });
}

#[test]
fn a_reboot_before_the_flip_gives_the_stock_instance_back() {
    in_each_mode(|| {
        let instance = adopting();
        assert_eq!(units_in(&instance, UNITS), [""; 0]);
        let units = [layout::APP_SOCKET, layout::DEADMAN, layout::IDENTITY];
        assert_eq!(units_in(&instance, RUNTIME_UNITS), units);
        assert!(instance.model.borrow().enabled.is_empty());
        instance.reboot();
        assert_eq!(instance.serving(), [""; 0]);
        assert_eq!(units_in(&instance, RUNTIME_UNITS), [""; 0]);
        instance.model.borrow_mut().failing.clear();
        deploy(&instance, "v1");
        assert_eq!(instance.serving(), [current_unit(&instance)]);
    });
}

#[test]
fn the_flip_itself_makes_a_first_version_current_and_lasting() {
    in_each_mode(|| {
        let instance = adopting();
        instance.model.borrow_mut().failing.clear();
        flip(&instance).unwrap();
        let current = current_unit(&instance);
        assert_eq!(instance.unit(layout::DEADMAN_TIMER), "inactive");
        instance.reboot();
        assert_eq!(
            instance.serving(),
            std::slice::from_ref(&current),
            "EB has not run its postdeploy hooks"
        );
        commit::commit(&instance.system).unwrap();
        assert_eq!(current_unit(&instance), current);
    });
}

/// A person makes such a drop-in with `systemctl edit --runtime` (systemctl(1)).
#[test]
fn a_persons_runtime_drop_in_stays_where_it_is() {
    in_each_mode(|| {
        let instance = adopting();
        let folder = format!("{}.d/override.conf", layout::DEADMAN);
        let drop_in = format!("{RUNTIME_UNITS}/{folder}");
        let content = b"[Service]\nNice=5\n";
        instance.system.write(&drop_in, content, 0o644).unwrap();
        instance.model.borrow_mut().failing.clear();
        flip(&instance).unwrap();
        commit::commit(&instance.system).unwrap();
        assert!(instance.system.exists(&drop_in));
        assert!(!instance.system.exists(format!("{DROP_INS}/{folder}")));
    });
}

#[test]
fn a_discarded_adoption_leaves_no_unit_and_no_listener() {
    in_each_mode(|| {
        let instance = adopting();
        instance.model.borrow_mut().uptime = DEAD_MAN_SECONDS;
        expire::expire(&instance.system).unwrap();
        assert_eq!(units_in(&instance, RUNTIME_UNITS), [""; 0]);
        assert_eq!(instance.unit(layout::APP_SOCKET), "inactive");
        assert!(instance.take_calls().ends_with(&["daemon-reload".into()]));
    });
}

/// Returns an instance after a flip that has started the front, but not the server, because the server's start fails.
fn failing_in_the_flip() -> Instance {
    let instance = adopting();
    if has_front() {
        let drop_in = format!("{RUNTIME_UNITS}/nginx.service.d/{}", layout::DROP_IN);
        instance.system.write(drop_in, b"[Service]", 0o644).unwrap();
    }
    let failing = vec!["flipless-app@".to_owned()];
    instance.model.borrow_mut().failing = failing;
    flip(&instance).unwrap_err();
    crate::proxy::sync::sync(&instance.system).unwrap();
    instance
}

/// Returns an instance with a staged first version whose deadline has passed before the flip.
pub fn expired_staged() -> Instance {
    let instance = adopting();
    instance.model.borrow_mut().uptime = DEAD_MAN_SECONDS;
    instance
}

/// Returns an instance on which the server did not start in the flip, and the deadline has passed since then.
pub fn expired_in_the_flip() -> Instance {
    let instance = failing_in_the_flip();
    instance.model.borrow_mut().uptime = DEAD_MAN_SECONDS;
    instance
}

#[test]
fn a_first_version_that_never_starts_gives_the_public_port_back_to_ebs_nginx() {
    in_each_mode(|| {
        let instance = failing_in_the_flip();
        // systemd restarts the stand-in.
        flip(&instance).unwrap_err();
        let mut model = instance.model.borrow_mut();
        model.uptime = DEAD_MAN_SECONDS;
        let dead_man = (layout::DEADMAN.to_owned(), "activating".to_owned());
        model.units.extend([dead_man]);
        drop(model);
        instance.take_calls();
        expire::expire(&instance.system).unwrap();
        let calls = instance.take_calls();
        let at = |call: String| calls.iter().position(|made| *made == call).unwrap();
        if has_front() {
            let stopped = at("stop nginx.service".into());
            assert!(stopped < at("daemon-reload".into()), "{calls:?}");
            let freed = at(format!("stop {}", layout::FRONT_SOCKET));
            assert!(freed < at("start nginx.service".into()), "{calls:?}");
        } else {
            // In direct mode EB's nginx never had the public port.
            let touched = calls.iter().find(|call| call.contains("nginx.service"));
            assert_eq!(touched, None);
        }
        assert_eq!(
            instance.unit(layout::DEADMAN),
            "activating",
            "not stopped by its own process"
        );
        assert_eq!(instance.unit(layout::APP_SOCKET), "inactive");
        assert_eq!(instance.unit(layout::FRONT_SOCKET), "inactive");
        for folder in [UNITS, RUNTIME_UNITS, DROP_INS] {
            assert_eq!(units_in(&instance, folder), [""; 0], "{folder}");
        }
        commit::commit(&instance.system).unwrap_err();
        // The next deployment starts from the beginning.
        instance.model.borrow_mut().failing.clear();
        deploy(&instance, "v2");
        assert_eq!(instance.serving(), [current_unit(&instance)]);
    });
}

#[test]
fn commit_tries_again_to_start_a_first_version_that_did_not_start_in_the_flip() {
    in_each_mode(|| {
        let instance = failing_in_the_flip();
        commit::commit(&instance.system).unwrap_err();
        instance.model.borrow_mut().failing.clear();
        commit::commit(&instance.system).unwrap();
        assert_eq!(instance.serving(), [current_unit(&instance)]);
    });
}

/// The server of this version also crashes when EB's own web.service runs the server.
#[test]
fn the_switch_gives_the_instance_back_even_if_the_server_also_crashes_in_ebs_unit() {
    in_each_mode(|| {
        let instance = failing_in_the_flip();
        let mut model = instance.model.borrow_mut();
        model.uptime = DEAD_MAN_SECONDS;
        model.failing.push(layout::WEB.into());
        let web = (layout::WEB.to_owned(), "activating".to_owned());
        model.units.extend([web]);
        drop(model);
        expire::expire(&instance.system).unwrap();
        let asked = format!("restart --no-block {}", layout::WEB);
        assert_eq!(instance.take_calls().last(), Some(&asked));
    });
}

/// systemd restarts the service of the dead man's switch after a kill. At the end EB's nginx has the public port.
#[test]
fn a_killed_expire_gives_the_public_port_back_after_its_restart() {
    in_each_mode(|| {
        for point in (0..).step_by(step()) {
            let when = format!("point {point}");
            let instance = failing_in_the_flip();
            instance.model.borrow_mut().uptime = DEAD_MAN_SECONDS;
            instance.make_active("nginx.service");
            if instance.kill_at(point, expire::expire).is_none() {
                assert!(point > 20, "{when}");
                break;
            }
            let exists = |folder| {
                instance
                    .system
                    .exists(format!("{folder}/{}", layout::DEADMAN))
            };
            // Without its unit, systemd does not restart `expire`.
            if exists(UNITS) || exists(RUNTIME_UNITS) {
                expire::expire(&instance.system).unwrap();
                assert!(!instance.system.exists(GIVES_PORT_BACK), "{when}");
            }
            assert_eq!(instance.unit(layout::FRONT_SOCKET), "inactive", "{when}");
            assert_eq!(instance.unit("nginx.service"), "active", "{when}");
            for folder in [UNITS, RUNTIME_UNITS, DROP_INS] {
                assert_eq!(units_in(&instance, folder), [""; 0], "{when}: {folder}");
            }
        }
    });
}

#[test]
fn a_reboot_while_the_flip_waits_for_the_server_starts_it() {
    in_each_mode(|| {
        let instance = adopting();
        instance.model.borrow_mut().failing.clear();
        let run = staged_unit(&instance);
        let start = format!("start {run}");
        let mut begun = false;
        for point in (0..).step_by(step()) {
            let instance = adopting();
            instance.model.borrow_mut().failing.clear();
            instance.flip();
            if instance.kill_at(point, web_started::web_started).is_none() {
                break;
            }
            if instance.take_calls().contains(&start) {
                begun = true;
                instance.reboot();
                assert_eq!(instance.serving(), [run.as_str()], "point {point}");
            }
        }
        assert!(begun);
    });
}

#[test]
fn a_first_version_that_fails_twice_leaves_nothing_and_a_third_deployment_works() {
    in_each_mode(|| {
        let instance = Instance::new();
        for version in ["v1", "v2"] {
            let failing = vec!["flipless-app@".to_owned()];
            instance.model.borrow_mut().failing = failing;
            stage_version(&instance, version).unwrap_err();
            assert_eq!(units_in(&instance, RUNTIME_UNITS), [""; 0]);
            assert_eq!(state(&instance).staged, None);
            assert_eq!(
                instance.unit("nginx.service"),
                "inactive",
                "only EB may start it"
            );
            instance.model.borrow_mut().failing.clear();
        }
        deploy(&instance, "v3");
        assert_eq!(instance.serving(), [current_unit(&instance)]);
    });
}

#[test]
fn a_first_version_that_fails_gives_port_and_units_back() {
    in_each_mode(|| {
        let instance = Instance::new();
        instance
            .model
            .borrow_mut()
            .failing
            .push("flipless-app@".into());
        stage_version(&instance, "v1").unwrap_err();
        assert_eq!(units_in(&instance, RUNTIME_UNITS), [""; 0]);
        assert_eq!(instance.unit(layout::APP_SOCKET), "inactive");
        assert!(!instance.system.exists(layout::AGENT), "as it was");
    });
}

#[test]
fn a_drop_in_of_the_bundle_is_moved_to_the_disk_with_the_units() {
    in_each_mode(|| {
        let instance = Instance::new();
        let name = format!("{}.d/own.conf", layout::APP_SOCKET);
        let path = format!("{BUNDLE}/systemd/{name}");
        instance.system.write(path, b"[Socket]", 0o644).unwrap();
        stage_version(&instance, "v1").unwrap();
        assert!(instance.system.exists(format!("{RUNTIME_UNITS}/{name}")));
        flip(&instance).unwrap();
        commit::commit(&instance.system).unwrap();
        assert_eq!(instance.system.names(RUNTIME_UNITS).unwrap(), [""; 0]);
        assert!(instance.system.exists(format!("{DROP_INS}/{name}")));
        uninstall::uninstall(&instance.system).unwrap();
        assert_eq!(instance.system.names(DROP_INS).unwrap(), [""; 0]);
    });
}

#[test]
fn only_a_taken_port_waits_for_the_flip() {
    let instance = Instance::new();
    let mut model = instance.model.borrow_mut();
    model.failing.push(layout::APP_SOCKET.into());
    model.start_result = "protocol".into();
    drop(model);
    let error = stage_version(&instance, "v1").unwrap_err();
    assert!(
        format!("{error:#}").contains("cannot open the server's listener"),
        "{error:#}"
    );
}

/// Kills an adoption at each of its crash points. The next deployment follows, with and without a reboot before it.
#[test]
fn a_killed_adoption_is_continued_by_the_next_deployment() {
    in_each_mode(|| {
        for reboots in [false, true] {
            for adopts in [false, true] {
                for point in (0..).step_by(step()) {
                    let instance = if adopts { adopting() } else { Instance::new() };
                    instance.new_version("v1");
                    instance.model.borrow_mut().failing.clear();
                    let killed = match adopts {
                        false => instance.kill_at(point, |s| stage::stage(s, BUNDLE.as_ref())),
                        true => {
                            instance.flip();
                            instance.kill_at(point, web_started::web_started)
                        }
                    };
                    let when = format!("flip {adopts}, reboot {reboots}, point {point}");
                    if killed.is_none() {
                        assert!(point > 20, "{when}");
                        break;
                    }
                    if reboots {
                        instance.reboot();
                    }
                    instance.model.borrow_mut().gaps.clear();
                    deploy(&instance, "v2");
                    assert_eq!(instance.serving(), [current_unit(&instance)], "{when}");
                    // A first version that is discarded before the flip gets no requests, so a gap is harmless.
                    assert!(!adopts || instance.model.borrow().gaps.is_empty(), "{when}");
                    assert_eq!(units_in(&instance, RUNTIME_UNITS), [""; 0], "{when}");
                }
            }
        }
    });
}

#[test]
fn a_lost_state_is_rebuilt_from_the_active_runs() {
    let instance = deployed("v1");
    let before = state(&instance);
    instance.system.remove(layout::STATE).unwrap();
    stage_version(&instance, "v2").unwrap();
    assert_eq!(
        state(&instance).current.unwrap().run,
        before.current.unwrap().run
    );
    flip(&instance).unwrap();
    commit::commit(&instance.system).unwrap();
    let after = state(&instance);
    assert_eq!(instance.serving(), [after.current.unwrap().unit()]);
    assert_eq!(after.next_run, before.next_run + 1);
    assert_eq!(instance.model.borrow().gaps, [""; 0]);
}

#[test]
fn a_run_that_was_staged_before_a_reboot_is_not_shown_as_staged() {
    let instance = deployed("v1");
    stage_version(&instance, "v2").unwrap();
    let staged = || {
        let said = crate::commands::status::status(&instance.system, true).unwrap();
        let status: serde_json::Value = serde_json::from_str(&said).unwrap();
        status["staged"].clone()
    };
    assert!(staged().is_object());
    instance.reboot();
    assert!(staged().is_null());
}

#[test]
fn if_the_state_is_lost_before_the_flip_eb_reports_no_success_with_the_old_version() {
    in_each_mode(|| {
        let instance = deployed("v1");
        stage_version(&instance, "v2").unwrap();
        let new = state(&instance).staged.unwrap().run.release;
        instance.system.remove(layout::STATE).unwrap();
        let flipped = flip(&instance);
        let committed = commit::commit(&instance.system);
        instance.let_drain();
        let serves = state(&instance).current.unwrap().release;
        assert!(flipped.and(committed).is_err() || serves == new);
        assert_eq!(instance.serving(), [current_unit(&instance)]);
    });
}

/// EB ends the deployment when web.service fails, before it starts nginx.
#[test]
fn a_first_version_that_fails_in_the_flip_leaves_an_nginx_that_runs() {
    in_each_mode(|| {
        let instance = adopting();
        instance.model.borrow_mut().failing = vec!["flipless-app@".to_owned()];
        stage_proxy(&instance);
        flip(&instance).unwrap_err();
        assert_eq!(instance.unit("nginx.service"), "active");
        instance.model.borrow_mut().uptime = DEAD_MAN_SECONDS;
        expire::expire(&instance.system).unwrap();
        assert_eq!(instance.unit("nginx.service"), "active");
    });
}

#[test]
fn a_first_version_that_is_aborted_in_its_flip_serves_alone_as_on_stock_eb() {
    in_each_mode(|| {
        let instance = failing_in_the_flip();
        instance.make_active("web.service");
        instance.take_calls();
        abort::abort(&instance.system).unwrap();
        let calls = instance.take_calls();
        assert!(
            calls.contains(&"restart --no-block web.service".into()),
            "{calls:?}"
        );
        assert_eq!(
            flipped::flipped(&instance.system),
            flipped::Flipped::Unmarked
        );
    });
}

/// The disk is full during the flip. The version serves as soon as there is space again.
#[test]
fn a_full_disk_in_the_flip_does_not_discard_a_first_version() {
    in_each_mode(|| {
        for healthy in 0.. {
            let instance = adopting();
            instance.model.borrow_mut().failing.clear();
            instance.flip();
            instance.model.borrow_mut().disk = Some(crate::testing::Disk {
                healthy,
                error: rustix::io::Errno::NOSPC,
                everywhere: false,
                failed: false,
            });
            let outcome = web_started::web_started(&instance.system);
            if !instance.model.borrow().disk.as_ref().unwrap().failed {
                outcome.unwrap();
                break;
            }
            instance.model.borrow_mut().disk = None;
            instance.model.borrow_mut().restarts_of_web = 1;
            start_web(&instance).unwrap();
            let current = state(&instance).current.map(|run| run.unit());
            assert!(current.is_some(), "change {healthy}");
            assert_eq!(instance.serving(), current.as_slice(), "change {healthy}");
        }
    });
}
