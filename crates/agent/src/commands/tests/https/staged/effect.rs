//! The moment in which a staged version's HTTPS takes effect. Some tests add a concurrent renewal, others an error.

use std::cell::Cell;
use std::fs::File;
use std::rc::Rc;

use super::*;
use crate::commands::{restart, rollback};
use crate::deployment::handover;
use crate::deployment::state::Run;

const RELOAD: &str = "reload flipless-front.service";
/// While a folder has this path, the agent can't write the settings in force.
const IN_THE_WAY: &str = "/opt/flipless/settings-in-force.json.new";

/// Returns an instance after EB's flip to a version whose HTTPS has not taken effect.
fn flipped_without_effect() -> Instance {
    let instance = with_a_certificate();
    stage_other(&instance);
    instance.system.make_folder(IN_THE_WAY).unwrap();
    flip_with_proxy(&instance);
    assert_eq!(ordered_names(&instance), [DOMAIN]);
    instance
}

fn check(instance: &Instance) -> bool {
    instance.take_calls();
    crate::proxy::sync::check(&instance.system).unwrap();
    instance.take_calls().contains(&RELOAD.to_owned())
}

/// The version may change while a renewal waits for the lock.
#[test]
fn a_renewal_that_has_waited_for_a_flip_follows_the_new_settings() {
    let instance = with_a_new_certificate();
    let before = certificate(&instance);
    let mut settings = instance.system.settings_in_force().unwrap();
    settings.https.domains = vec![OTHER.into()];
    let in_force = instance.system.locate(layout::SETTINGS_IN_FORCE);
    let flip = move || std::fs::write(in_force, settings.to_json().unwrap()).unwrap();
    // The agent makes this folder when it takes the lock. At that moment the settings change.
    instance.system.remove(layout::RUNTIME).unwrap();
    instance.model.borrow_mut().at_change = Some(("run/flipless", Box::new(flip)));
    let error = install_certificate(&instance.system).unwrap_err();
    assert!(
        instance.model.borrow().at_change.is_none(),
        "the flip happened"
    );
    assert!(
        format!("{error:#}").contains("does not cover other.example"),
        "{error:#}"
    );
    assert_eq!(certificate(&instance), before);
}

#[test]
fn a_flip_waits_for_a_renewal_that_replaces_the_certificate() {
    let instance = with_a_certificate();
    stage_other(&instance);
    let lock = instance
        .system
        .locate(format!("{}/front.lock", layout::RUNTIME));
    let is_held = Rc::new(Cell::new(false));
    let seen = Rc::clone(&is_held);
    let look = move || seen.set(File::open(lock).unwrap().try_lock().is_err());
    instance.model.borrow_mut().at_change = Some(("settings-in-force.json", Box::new(look)));
    flip_with_proxy(&instance);
    assert!(
        instance.model.borrow().at_change.is_none(),
        "the lock was tested"
    );
    assert!(is_held.get());
    assert_eq!(ordered_names(&instance), [OTHER]);
}

/// A full disk keeps the new version's HTTPS from taking effect. The old run ends nevertheless.
#[test]
fn a_handover_whose_https_cannot_take_effect_is_completed_in_everything_else() {
    let instance = flipped_without_effect();
    let state = state(&instance);
    let stray = state.previous.as_ref().unwrap().unit();
    instance.make_active(&stray);
    let error = handover::finish_with_https(&instance.system, &state).unwrap_err();
    assert!(
        format!("{error:#}").contains("settings-in-force.json"),
        "{error:#}"
    );
    assert_eq!(instance.unit(&stray), "deactivating");
    instance.system.remove(IN_THE_WAY).unwrap();
    handover::finish(&instance.system, &state).unwrap();
    assert_eq!(ordered_names(&instance), [OTHER]);
}

/// A rollback and a restart also work if HTTPS can't take effect, for example on a disk that is almost full.
#[test]
fn a_rollback_and_a_restart_do_not_wait_for_https() {
    let instance = flipped_without_effect();
    let of = |run: Option<Run>| run.unwrap().deployed().to_owned();
    let (current, previous) = (state(&instance).current, state(&instance).previous);
    restart::restart(&instance.system).unwrap();
    assert_eq!(of(state(&instance).current), of(current));
    rollback::rollback(&instance.system).unwrap();
    assert_eq!(of(state(&instance).current), of(previous));
}

/// In the flip, nginx has already loaded its configuration, with the old certificate.
#[test]
fn a_certificate_that_takes_effect_after_the_flip_is_loaded() {
    let instance = flipped_without_effect();
    instance.system.remove(IN_THE_WAY).unwrap();
    handover::finish(&instance.system, &state(&instance)).unwrap();
    assert!(certificate(&instance).contains(OTHER));
    assert!(check(&instance));
    assert!(!check(&instance), "already loaded");
    // If the certificate takes effect in the flip, EB's start of the stand-in makes nginx load this certificate.
    stage_named(&instance, DOMAIN);
    flip_with_proxy(&instance);
    assert!(certificate(&instance).contains(DOMAIN));
    assert!(!check(&instance));
    assert!(!instance.system.exists("/run/flipless/certificate-waits"));
}

fn stage_named(instance: &Instance, domain: &str) {
    unpack_renewed(instance, &[domain]);
    stage::stage(&instance.system, instance.bundle()).unwrap();
}
