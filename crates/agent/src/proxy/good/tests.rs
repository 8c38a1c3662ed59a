#![allow(clippy::unwrap_used)]

use flipless_settings::{Settings, layout};

use super::*;
use crate::instance::paths::{DROP_INS, PROXY_STAGING};
use crate::proxy::{staged, sync};
use crate::testing::Instance;

const BAD: &str = "/etc/nginx/conf.d/bad.conf";

/// Does what EB's copy does in the flip: adds a bad file, and replaces another.
fn copy_bad(instance: &Instance) {
    instance.system.write(BAD, b"bad", 0o644).unwrap();
    let main = "/etc/nginx/nginx.conf";
    instance.system.write(main, b"replaced", 0o644).unwrap();
}

fn main(instance: &Instance) -> Vec<u8> {
    let main = instance.system.read("/etc/nginx/nginx.conf");
    main.unwrap().unwrap()
}

#[test]
fn after_a_failed_reload_the_previous_configuration_is_restored() {
    let instance = Instance::new();
    sync::sync(&instance.system).unwrap();
    copy_bad(&instance);
    instance.model.borrow_mut().front_fails_with = Some("bad.conf".into());
    sync::sync(&instance.system).unwrap_err();
    assert!(!instance.system.exists(BAD));
    assert_eq!(main(&instance), b"one", "the replaced file is restored");
    // nginx still has the old configuration.
    let synced = sync::sync(&instance.system).unwrap();
    assert_eq!(synced, sync::Synced::Unchanged);
}

#[test]
fn a_front_that_cannot_start_with_a_configuration_starts_with_the_previous_one() {
    let instance = Instance::new();
    // The first version's `stage`.
    settle(&instance.system).unwrap();
    copy_bad(&instance);
    instance.model.borrow_mut().front_fails_with = Some("bad.conf".into());
    let error = sync::sync(&instance.system).unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("started with the previous configuration"),
        "{error}"
    );
    assert!(
        error.contains("panicked at line 1"),
        "its own lines: {error}"
    );
    assert_eq!(instance.unit(layout::FRONT), "active");
    assert!(!instance.system.exists(BAD));
}

#[test]
fn a_front_that_cannot_start_at_all_gives_the_port_to_ebs_nginx() {
    let instance = Instance::new();
    settle(&instance.system).unwrap();
    let drop_in = format!("{DROP_INS}/{}.d/{}", layout::NGINX, layout::DROP_IN);
    instance.system.write(drop_in, b"", 0o644).unwrap();
    instance.model.borrow_mut().failing = vec![layout::FRONT.into()];
    let error = format!("{:#}", sync::sync(&instance.system).unwrap_err());
    assert!(error.contains("given back to EB's own nginx"), "{error}");
    assert!(!instance.has_drop_in(layout::NGINX));
    for ours in [layout::FRONT, layout::FRONT_SOCKET] {
        assert_eq!(instance.unit(ours), "inactive", "{ours}");
    }
    let calls = instance.take_calls();
    assert_eq!(calls.last().unwrap(), "start nginx.service soon");
}

/// A deployment was killed before the front could refuse its configuration.
#[test]
fn a_bad_configuration_of_an_interrupted_deployment_is_replaced_before_the_next_test() {
    let instance = Instance::new();
    sync::sync(&instance.system).unwrap();
    copy_bad(&instance);
    instance.model.borrow_mut().nginx_refuses_with = Some("bad.conf".into());
    instance.system.make_folder(PROXY_STAGING).unwrap();
    staged::test(&instance.system, instance.bundle(), &Settings::default()).unwrap();
    assert!(!instance.system.exists(BAD));
}

/// The deployment adds what a hook's file needs, or the test of the new configuration refuses the deployment.
#[test]
fn a_file_of_a_hook_that_nginx_refuses_stays_for_the_test_of_the_new_configuration() {
    let instance = Instance::new();
    let system = &instance.system;
    sync::sync(system).unwrap();
    copy_bad(&instance);
    instance.model.borrow_mut().nginx_refuses_with = Some("bad.conf".into());
    system.make_folder(PROXY_STAGING).unwrap();
    instance.make_active(layout::NGINX);
    let error = staged::test(system, instance.bundle(), &Settings::default()).unwrap_err();
    assert!(
        format!("{error:#}").contains("cannot use the proxy configuration"),
        "{error:#}"
    );
    assert!(instance.system.exists(BAD));
    assert_eq!(main(&instance), b"replaced");
}

#[test]
fn a_users_change_that_nginx_accepts_stays() {
    let instance = Instance::new();
    sync::sync(&instance.system).unwrap();
    copy_bad(&instance);
    settle(&instance.system).unwrap();
    assert!(instance.system.exists(BAD));
    // A later failure restores this change, and not an earlier configuration.
    instance.system.remove(BAD).unwrap();
    assert!(restore(&instance.system).unwrap());
    assert!(instance.system.exists(BAD));
}

#[test]
fn a_configuration_that_equals_its_copy_is_not_tested() {
    let instance = Instance::new();
    for _ in 0..2 {
        settle(&instance.system).unwrap();
    }
    assert_eq!(instance.take_nginx_calls(), ["-t -q"]);
    copy_bad(&instance);
    settle(&instance.system).unwrap();
    assert_eq!(instance.take_nginx_calls(), ["-t -q"]);
}

#[test]
fn an_instance_that_is_given_back_keeps_no_copy() {
    let instance = Instance::new();
    sync::sync(&instance.system).unwrap();
    staged::restore_configuration(&instance.system, 5000).unwrap();
    assert!(!restore(&instance.system).unwrap());
}

/// The restore of a partial copy would remove files from /etc/nginx.
#[test]
fn an_interrupted_copy_is_not_used() {
    for point in 0.. {
        let instance = Instance::new();
        let interrupted = instance.kill_at(point, |system| {
            keep(system);
            Ok(())
        });
        restore(&instance.system).unwrap();
        assert_eq!(main(&instance), b"one", "point {point}");
        if interrupted.is_none() {
            assert!(point > 3);
            break;
        }
    }
}

/// EB copies its files in the flip while a reload for a certificate is being completed.
#[test]
fn a_copy_that_eb_changes_meanwhile_is_not_kept() {
    let instance = Instance::new();
    let system = &instance.system;
    keep(system);
    system.write("/etc/nginx/nginx.conf", b"", 0o644).unwrap();
    system.write("/etc/nginx/zz.conf", b"", 0o644).unwrap();
    let place = system.locate("/etc/nginx/nginx.conf");
    let happens = Box::new(move || std::fs::write(place, "two").unwrap());
    instance.model.borrow_mut().at_change = Some(("nginx-good.new/zz.conf", happens));
    keep(system);
    assert!(instance.model.borrow().at_change.is_none(), "it happened");
    let kept = system.read("/var/lib/flipless/nginx-good/nginx.conf");
    assert_eq!(kept.unwrap().unwrap(), b"one");
    assert!(!system.exists("/var/lib/flipless/nginx-good.new"));
}
