//! An instance that was started from an image of another instance. The agent gives the new instance back to stock EB.

use super::first::units_in;
use super::*;
use crate::commands::identify;
use crate::deployment::withdrawal::GIVES_PORT_BACK;
use crate::instance::paths::{FLIPPED, RUNTIME_UNITS};

/// Returns an instance on which v1 is current, after its shutdown. Its disk stands for an image.
fn image() -> Instance {
    let instance = Instance::new();
    instance.identify_as("i-0000000000000000a\n");
    deploy(&instance, "v1");
    instance.let_drain();
    instance.shut_down();
    instance
}

/// Returns an instance that was started from the image.
pub fn another() -> Instance {
    let instance = image();
    instance.identify_as("i-0000000000000000b\n");
    instance
}

/// Checks that nothing of the other instance serves, now or after a reboot.
fn assert_given_back(instance: &Instance, when: &str) {
    instance.start_enabled();
    assert_eq!(instance.serving(), [""; 0], "{when}");
    for unit in [layout::APP_SOCKET, layout::FRONT_SOCKET, layout::FRONT] {
        assert_eq!(instance.unit(unit), "inactive", "{when}: {unit}");
    }
    for unit in [layout::NGINX, layout::WEB] {
        assert!(!instance.has_drop_in(unit), "{when}: {unit}");
    }
    for folder in [UNITS, RUNTIME_UNITS, DROP_INS] {
        assert_eq!(units_in(instance, folder), [""; 0], "{when}: {folder}");
    }
    let marker = format!("{FLIPPED}/{}", layout::MARKER);
    let marker = instance.system.read(marker).unwrap().unwrap();
    let marker = String::from_utf8(marker).unwrap();
    let line = marker.lines().nth(1);
    assert_eq!(line, Some(flipped::OF_ANOTHER_INSTANCE), "{when}");
}

/// Checks that EB's first deployment on the instance succeeds.
fn assert_adopts(instance: &Instance, when: &str) {
    deploy(instance, "v2");
    instance.let_drain();
    assert_eq!(instance.serving(), [current_unit(instance)], "{when}");
    assert_eq!(state(instance).previous, None, "{when}");
    instance.reboot();
    assert_eq!(instance.serving(), [current_unit(instance)], "{when}");
}

#[test]
fn on_another_instance_nothing_of_an_image_serves_before_the_first_deployment() {
    in_each_mode(|| {
        let instance = another();
        instance.reboot();
        assert_given_back(&instance, "at boot");
        for folder in [layout::ROOT, layout::RUNTIME, layout::STATE_FOLDER] {
            assert!(!instance.system.exists(folder), "{folder}");
        }
        assert_eq!(instance.unit(layout::NGINX), "inactive", "EB starts it");
        assert_adopts(&instance, "at boot");
    });
}

#[test]
fn a_reboot_and_an_unknown_identity_change_nothing() {
    for id in ["i-0000000000000000a\n", "", "Not Specified\n"] {
        let instance = image();
        instance.identify_as(id);
        instance.reboot();
        assert_eq!(instance.serving(), [current_unit(&instance)], "{id:?}");
        instance.let_drain();
        deploy(&instance, "v2");
        // If the identity is unknown, `stage` keeps the identity in the state.
        assert!(state(&instance).instance.is_some(), "{id:?}");
    }
    // At the time of its deployment this instance had no identity, like a container.
    let instance = deployed("v1");
    instance.identify_as("i-0000000000000000b\n");
    instance.reboot();
    assert_eq!(instance.serving(), [current_unit(&instance)]);
}

/// systemd restarts a killed `identify` while its unit exists. The next boot and EB's first deployment also continue
/// the work of `identify`.
#[test]
fn a_killed_agent_gives_an_image_back_the_next_time() {
    type Next = fn(&Instance);
    let nexts: [(&str, Next); 3] = [
        ("again", |instance| {
            identify::identify(&instance.system).unwrap()
        }),
        ("a reboot", |instance| instance.reboot()),
        ("a deployment", |_| ()),
    ];
    in_each_mode(|| {
        for (name, next) in nexts {
            for point in (0..).step_by(step()) {
                let when = format!("{name} after point {point}");
                let instance = another();
                if instance.kill_at(point, identify::identify).is_none() {
                    assert!(point > 20, "{when}");
                    break;
                }
                let noticed = instance.system.exists(layout::FROM_IMAGE);
                if noticed && name == "a deployment" {
                    instance.start_enabled();
                    assert_eq!(instance.serving(), [""; 0], "{when}");
                }
                next(&instance);
                if name != "a deployment" {
                    assert_given_back(&instance, &when);
                }
                // A whole deployment at each point would take long.
                if name == "a deployment" || point % 7 == 0 {
                    assert_adopts(&instance, &when);
                }
            }
        }
    });
}

/// EB's bootstrap may start web.service and nginx before it deploys.
#[test]
fn a_start_of_web_gives_an_image_back_too() {
    in_each_mode(|| {
        let instance = another();
        if has_front() {
            instance.make_active(layout::NGINX);
        }
        start_web(&instance).unwrap();
        assert_given_back(&instance, "web");
        assert!(!instance.system.exists(GIVES_PORT_BACK));
        let nginx = if has_front() { "active" } else { "inactive" };
        assert_eq!(instance.unit(layout::NGINX), nginx);
    });
}
