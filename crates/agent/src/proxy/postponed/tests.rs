#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;
use crate::instance::wait::wait_for;
use crate::proxy::sync::{Synced, check, conclude, settle, sync};
use crate::proxy::unit::master;
use crate::testing::front::{configure, exact, hang_up, kill, listening};
use crate::testing::{DEAD_MAN_SECONDS, Instance};

/// The directives that EB writes in the flip, and those after a hook has added port 443.
const EBS: &str = "listen 80; server_tokens off;";
const OF_THE_HOOK: &str = "listen 80; listen 443; server_tokens off;";

/// An instance on which the flip has postponed a reload: nginx listens on port 443, and EB's files do not.
fn flipped() -> Instance {
    let instance = listening("listen 80; listen 443;");
    configure(&instance, EBS);
    assert_eq!(sync(&instance.system).unwrap(), Synced::Postponed);
    assert_eq!(settle(&instance.system).unwrap(), Synced::Postponed);
    assert_eq!(exact(&instance, "until the hooks have run"), [80, 443]);
    instance
}

fn workers(instance: &Instance) -> Vec<u32> {
    let master = master(&instance.system).unwrap();
    processes::workers(&instance.system, master).unwrap()
}

#[test]
fn a_listener_that_a_hook_adds_again_is_never_closed_and_nginx_is_reloaded_once() {
    let instance = flipped();
    configure(&instance, OF_THE_HOOK);
    hang_up(&instance);
    let of_the_hook = workers(&instance);
    assert_eq!(conclude(&instance.system).unwrap(), Synced::Reloaded);
    assert_eq!(exact(&instance, "the hooks have run"), [80, 443]);
    // The next deployment writes the same configuration.
    configure(&instance, EBS);
    assert_eq!(sync(&instance.system).unwrap(), Synced::Unchanged);
    assert_eq!(conclude(&instance.system).unwrap(), Synced::Unchanged);
    assert_eq!(workers(&instance), of_the_hook);
}

#[test]
fn a_hook_may_also_ask_systemd_for_the_reload() {
    let instance = flipped();
    configure(&instance, OF_THE_HOOK);
    crate::proxy::front::renew(&instance.system).unwrap();
    let of_the_hook = workers(&instance);
    assert_eq!(conclude(&instance.system).unwrap(), Synced::Unchanged);
    assert_eq!(exact(&instance, "the hooks have run"), [80, 443]);
    assert_eq!(workers(&instance), of_the_hook);
}

#[test]
fn a_listener_that_no_hook_adds_is_closed_after_the_last_hook() {
    let instance = flipped();
    assert_eq!(conclude(&instance.system).unwrap(), Synced::Reloaded);
    assert_eq!(exact(&instance, "the hooks have run"), [80]);
    assert_eq!(Postponed::read(&instance.system).unwrap(), None);
    assert_eq!(sync(&instance.system).unwrap(), Synced::Unchanged);
}

/// EB runs no hook after one that fails.
#[test]
fn a_timer_does_what_the_last_hook_has_not_done() {
    let instance = flipped();
    assert_eq!(check(&instance.system).unwrap(), Synced::Unchanged);
    assert_eq!(exact(&instance, "hooks may still run"), [80, 443]);
    instance.model.borrow_mut().uptime += DEAD_MAN_SECONDS;
    assert_eq!(check(&instance.system).unwrap(), Synced::Reloaded);
    assert_eq!(exact(&instance, "EB has ended the deployment"), [80]);
}

#[test]
fn after_a_crash_nginx_has_the_configuration_on_the_disk_and_no_client_waits() {
    let instance = flipped();
    kill(&instance);
    assert_eq!(exact(&instance, "a crash before the hook"), [80]);
    configure(&instance, OF_THE_HOOK);
    hang_up(&instance);
    conclude(&instance.system).unwrap();
    assert_eq!(exact(&instance, "the hooks have run"), [80, 443]);
}

#[test]
fn a_configuration_that_nginx_refuses_is_not_postponed() {
    let instance = listening("listen 80; listen 443;");
    configure(&instance, EBS);
    instance.model.borrow_mut().nginx_refuses = true;
    sync(&instance.system).unwrap_err();
    assert_eq!(Postponed::read(&instance.system).unwrap(), None);
}

#[test]
fn an_interrupted_agent_leaves_what_the_next_one_completes() {
    for point in 0.. {
        let instance = listening("listen 80; listen 443;");
        configure(&instance, EBS);
        let ended = instance.kill_at(point, |system| sync(system).map(drop));
        assert_eq!(exact(&instance, "the flip"), [80, 443], "point {point}");
        settle(&instance.system).unwrap();
        let concluded = instance.kill_at(point, |system| conclude(system).map(drop));
        check(&instance.system).unwrap();
        conclude(&instance.system).unwrap();
        assert_eq!(exact(&instance, "the end"), [80], "point {point}");
        if ended.is_none() && concluded.is_none() {
            assert!(point > 4, "{point}");
            break;
        }
    }
}

/// On stock EB each deployment restarts nginx, so nginx can open any address. A reload can't open the addresses of this
/// test.
#[test]
fn an_address_that_nginx_cannot_open_beside_an_old_one_is_served_by_a_new_master() {
    let instance = listening("listen 80; listen 443;");
    for listens in ["listen 80; listen 127.0.0.1:443;", "listen 80; listen 443;"] {
        let before = master(&instance.system).unwrap();
        configure(&instance, listens);
        assert_eq!(sync(&instance.system).unwrap(), Synced::Postponed);
        conclude(&instance.system).unwrap();
        assert_eq!(exact(&instance, listens), [80, 443]);
        assert_ne!(master(&instance.system).unwrap(), before);
        let root = instance.system.locate("/");
        let of_nginx = crate::testing::processes::listeners(&root, before + 1);
        assert_eq!(of_nginx, crate::testing::processes::wanted(&root));
    }
}

#[test]
fn what_a_later_hook_writes_after_the_reload_of_an_earlier_one_is_loaded_too() {
    let instance = flipped();
    configure(&instance, OF_THE_HOOK);
    hang_up(&instance);
    let reloaded = instance.system.commands().moment().0;
    let is_later = || {
        let now = instance.system.commands().moment().0;
        Ok((now > reloaded + 3 * crate::proxy::times::TICK).then_some(()))
    };
    let (limit, pause) = (Duration::from_secs(5), Duration::from_millis(1));
    wait_for(limit, pause, is_later).unwrap().unwrap();
    configure(&instance, "listen 80; listen 443; listen 8443;");
    assert_eq!(conclude(&instance.system).unwrap(), Synced::Reloaded);
    assert_eq!(exact(&instance, "both hooks have run"), [80, 443, 8443]);
}
