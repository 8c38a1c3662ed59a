//! Which events start the renewal of the certificate.

use super::*;
use crate::commands::{abort, expire, web_starting};
use crate::testing::DEAD_MAN_SECONDS;

fn starts(instance: &Instance) -> bool {
    let start = format!("start --no-block {}", layout::RENEWAL);
    instance.take_calls().contains(&start)
}

/// The restart may be EB's action "Restart app server". The deployment changes only properties.
#[test]
fn a_restart_a_rollback_and_a_changed_property_start_it() {
    let instance = with_https();
    assert!(starts(&instance));
    web_starting::web_starting(&instance.system).unwrap();
    web_started::web_started(&instance.system).unwrap();
    assert!(starts(&instance), "restart app server");
    restart::restart(&instance.system).unwrap();
    assert!(starts(&instance), "restart");
    let properties = br#"{"COLOUR": "blue"}"#.to_vec();
    instance.model.borrow_mut().properties = Some((true, properties, String::new()));
    unpack_renewed(&instance, &[DOMAIN]);
    instance.take_calls();
    deploy_unpacked(&instance);
    assert!(starts(&instance), "a changed property");
    rollback::rollback(&instance.system).unwrap();
    assert!(starts(&instance), "rollback");
}

/// The timer would start the renewal two minutes after a boot, but the killed `commit` has not enabled the timer.
#[test]
fn a_boot_and_the_dead_mans_switch_enable_the_timer_that_a_killed_commit_has_not() {
    let instance = || {
        let instance = Instance::new();
        unpack_renewed(&instance, &[DOMAIN]);
        stage::stage(&instance.system, instance.bundle()).unwrap();
        flip_with_proxy(&instance);
        assert_eq!(instance.unit(layout::RENEWAL_TIMER), "inactive");
        instance
    };
    let booted = instance();
    booted.reboot();
    assert_eq!(booted.unit(layout::RENEWAL_TIMER), "active");
    assert!(
        booted
            .model
            .borrow()
            .enabled
            .contains(layout::RENEWAL_TIMER)
    );
    let expired = instance();
    expired.model.borrow_mut().uptime += DEAD_MAN_SECONDS;
    expire::expire(&expired.system).unwrap();
    assert_eq!(expired.unit(layout::RENEWAL_TIMER), "active");
}

/// Sets the property ACME_HMAC to `value`, and unpacks a bundle that names this property.
fn unpack_with_hmac(instance: &Instance, value: &str) {
    set_hmac(instance, value);
    unpack(instance, |settings| {
        settings.https.domains = vec![DOMAIN.into()];
        settings.https.account_key_id = Some("k".into());
        settings.https.account_hmac_property = Some("ACME_HMAC".into());
    });
}

fn set_hmac(instance: &Instance, value: &str) {
    let json = format!(r#"{{"ACME_HMAC": "{value}"}}"#).into_bytes();
    instance.model.borrow_mut().properties = Some((true, json, String::new()));
    let file = format!("ACME_HMAC={value}\n");
    put(instance, crate::instance::paths::ENVIRONMENT, &file);
}

/// A restart gives a rotated secret to the server, and also to the program for certificates.
#[test]
fn a_restart_takes_over_a_changed_hmac_key() {
    let instance = Instance::new();
    unpack_with_hmac(&instance, "b2xk");
    deploy_unpacked(&instance);
    assert_eq!(text(&instance, layout::ACCOUNT_HMAC), "b2xk");
    set_hmac(&instance, "bmV3");
    restart::restart(&instance.system).unwrap();
    assert_eq!(text(&instance, layout::ACCOUNT_HMAC), "bmV3");
}

/// The key belongs to the staged version's account with the authority.
#[test]
fn the_hmac_key_of_a_staged_version_waits_for_the_flip() {
    let instance = Instance::new();
    unpack_with_hmac(&instance, "b2xk");
    deploy_unpacked(&instance);
    for is_flipped in [false, true] {
        unpack_with_hmac(&instance, "bmV3");
        stage::stage(&instance.system, instance.bundle()).unwrap();
        assert_eq!(text(&instance, layout::ACCOUNT_HMAC), "b2xk");
        match is_flipped {
            true => flip_with_proxy(&instance),
            false => abort::abort(&instance.system).unwrap(),
        }
        let key = if is_flipped { "bmV3" } else { "b2xk" };
        assert_eq!(text(&instance, layout::ACCOUNT_HMAC), key);
    }
    assert_is_private(&instance);
}

/// Before the flip, the staged version's unit of the renewal is already on the disk. systemd starts this unit only if
/// the key's file exists. The current version has no account binding, so it does not read the key.
#[test]
fn the_first_hmac_key_is_there_before_the_flip() {
    let instance = with_https();
    assert!(!instance.system.exists(layout::ACCOUNT_HMAC));
    unpack_with_hmac(&instance, "b2xk");
    stage::stage(&instance.system, instance.bundle()).unwrap();
    assert_eq!(text(&instance, layout::ACCOUNT_HMAC), "b2xk");
    assert_is_private(&instance);
    abort::abort(&instance.system).unwrap();
    restart::restart(&instance.system).unwrap();
    assert!(instance.system.exists(layout::ACCOUNT_HMAC));
}

fn assert_is_private(instance: &Instance) {
    let file = instance.system.locate(layout::ACCOUNT_HMAC);
    let mode = std::os::unix::fs::MetadataExt::mode(&file.metadata().unwrap());
    assert_eq!(mode & 0o777, 0o600);
}
