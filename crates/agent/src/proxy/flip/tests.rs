//! Reloads and crashes of nginx while EB replaces the files in /etc/nginx.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::instance::wait::wait_for;
use crate::proxy::front::{load_certificate, renew};
use crate::proxy::sync::{Synced, check, settle, sync};
use crate::proxy::unit::master;
use crate::testing::front::{configure, exact, hang_up, kill, listening};
use crate::testing::{DEAD_MAN_SECONDS, Instance};

const BOTH: &str = "listen 80; listen 443;";
/// The uptime at which EB stops the stand-in, in seconds.
const STOPPED: u64 = 1000;

/// An instance with a running stand-in, whose nginx listens on both ports.
fn serving() -> Instance {
    let instance = listening(BOTH);
    instance.make_active(layout::NGINX);
    instance.make_active(layout::LISTENERS_TIMER);
    instance.model.borrow_mut().uptime = STOPPED;
    instance
}

/// EB stops the stand-in.
fn begin(instance: &Instance) {
    let mut model = instance.model.borrow_mut();
    model.units.remove(layout::NGINX);
    model.stand_in_stopped = STOPPED;
}

/// EB starts the stand-in, whose start synchronises the front.
fn complete(instance: &Instance) -> Synced {
    let starting = (layout::NGINX.to_owned(), "activating".to_owned());
    instance.model.borrow_mut().units.extend([starting]);
    let synced = sync(&instance.system).unwrap();
    instance.make_active(layout::NGINX);
    later(instance);
    synced
}

fn workers(instance: &Instance) -> Vec<u32> {
    let master = master(&instance.system).unwrap();
    processes::workers(&instance.system, master).unwrap()
}

#[test]
fn no_command_beside_the_flip_loads_what_eb_is_copying() {
    let instance = serving();
    let system = &instance.system;
    begin(&instance);
    configure(&instance, "listen 80;");
    let before = workers(&instance);
    assert!(!load_certificate(system).unwrap());
    let refused = renew(system).unwrap_err().to_string();
    assert!(
        refused.contains("EB is replacing nginx's files"),
        "{refused}"
    );
    assert_eq!(check(system).unwrap(), Synced::Unchanged);
    assert_eq!(workers(&instance), before);
    assert_eq!(exact(&instance, "the copy"), [80, 443]);
    configure(&instance, "listen 80; listen 443; listen 8080;");
    assert_eq!(complete(&instance), Synced::Reloaded);
    assert_eq!(exact(&instance, "the flip"), [80, 443, 8080]);
    assert!(load_certificate(system).unwrap());
}

#[test]
fn a_deployment_that_died_in_the_flip_does_not_block_nginx_for_ever() {
    let instance = serving();
    begin(&instance);
    for (elapsed, may) in [
        (0, true),
        (DEAD_MAN_SECONDS - 1, true),
        (DEAD_MAN_SECONDS, false),
    ] {
        instance.model.borrow_mut().uptime = STOPPED + elapsed;
        assert_eq!(may_copy(&instance.system).unwrap(), may, "{elapsed}");
    }
    assert!(load_certificate(&instance.system).unwrap());
}

#[test]
fn a_stand_in_that_was_never_active_or_that_runs_is_no_flip() {
    let instance = Instance::new();
    assert!(
        !may_copy(&instance.system).unwrap(),
        "before the first start"
    );
    for (state, may) in [
        ("active", false),
        ("activating", false),
        ("reloading", false),
        ("failed", false),
        ("deactivating", true),
    ] {
        let unit = (layout::NGINX.to_owned(), state.to_owned());
        instance.model.borrow_mut().units.extend([unit]);
        assert_eq!(may_copy(&instance.system).unwrap(), may, "{state}");
    }
}

/// EB stops the stand-in between the beginning of the next reload and its end.
fn begin_in_a_reload(instance: &Instance) {
    let stops = std::rc::Rc::clone(&instance.model);
    instance.model.borrow_mut().at_hang_up = Some(Box::new(move || {
        let mut model = stops.borrow_mut();
        model.units.remove(layout::NGINX);
        model.stand_in_stopped = STOPPED;
    }));
}

/// A renewal of the certificate has no error, because the flip loads the certificate.
#[test]
fn a_certificate_whose_reload_the_flip_overtakes_is_loaded_by_the_flip() {
    let instance = serving();
    configure(&instance, "listen 80; listen 443; listen 8080;");
    begin_in_a_reload(&instance);
    assert!(!load_certificate(&instance.system).unwrap());
    assert_eq!(complete(&instance), Synced::Reloaded);
    assert!(load_certificate(&instance.system).unwrap());
}

#[test]
fn a_reload_that_the_flip_overtakes_is_repeated_by_the_flip() {
    let instance = serving();
    begin_in_a_reload(&instance);
    let before = workers(&instance);
    let refused = format!("{:#}", renew(&instance.system).unwrap_err());
    assert!(refused.contains("nginx"), "{refused}");
    let of_the_reload = workers(&instance);
    assert_ne!(of_the_reload, before);
    assert_eq!(complete(&instance), Synced::Reloaded);
    assert_ne!(workers(&instance), of_the_reload);
}

/// EB stages this file, and copies it to /etc/nginx.
fn copy(instance: &Instance, file: &str) {
    for folder in [PROXY_STAGING, NGINX] {
        let path = format!("{folder}/conf.d/{file}");
        instance.system.write(path, b"# the same", 0o644).unwrap();
    }
    later(instance);
}

/// Waits until the clock of processes, which is coarse, shows a later time for the next event.
fn later(instance: &Instance) {
    let system = &instance.system;
    let written = system.commands().moment().0;
    let is_later = || Ok((system.commands().moment().0 > written + 3 * times::TICK).then_some(()));
    wait_for(Duration::from_secs(5), Duration::from_millis(1), is_later)
        .unwrap()
        .unwrap();
}

/// EB writes the same content again, so no digest shows that nginx has loaded a mixture.
#[test]
fn a_mixture_that_nginx_loaded_without_the_agent_is_replaced_by_the_flip() {
    type Load = fn(&Instance);
    for (name, load) in [("a reload", hang_up as Load), ("a crash", kill)] {
        let instance = serving();
        copy(&instance, "a.conf");
        copy(&instance, "b.conf");
        assert_eq!(complete(&instance), Synced::Reloaded, "{name}");
        copy(&instance, "a.conf");
        copy(&instance, "b.conf");
        assert_eq!(complete(&instance), Synced::Unchanged, "{name}");
        begin(&instance);
        copy(&instance, "a.conf");
        load(&instance);
        copy(&instance, "b.conf");
        let of_the_mixture = workers(&instance);
        let synced = complete(&instance);
        assert_eq!(synced, Synced::Reloaded, "{name}");
        assert_ne!(workers(&instance), of_the_mixture);
        assert_eq!(settle(&instance.system).unwrap(), Synced::Unchanged);
    }
}
