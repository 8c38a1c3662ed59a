#![allow(clippy::unwrap_used)]

use super::*;
use crate::instance::systemd::Systemd;
use crate::proxy::sync::{self, Synced};
use crate::proxy::unit::master;
use crate::testing::front::{configure, exact, hang_up, kill, listening};
use crate::testing::{Instance, processes};
use flipless_settings::layout;

/// The directives for EB's own port 80 and the bundle's port 443.
const BOTH: &str = "listen 80; listen 443;";
const ONE: &str = "listen 80;";
const ANOTHER: &str = "listen 80; listen 8443;";

#[test]
fn systemd_holds_what_nginx_listens_on_after_each_start_and_each_reload() {
    let instance = listening(BOTH);
    assert_eq!(exact(&instance, "a start"), [80, 443]);
    configure(&instance, "listen 80; listen 443; listen 8443;");
    assert_eq!(sync::sync(&instance.system).unwrap(), Synced::Reloaded);
    assert_eq!(exact(&instance, "a further listener"), [80, 443, 8443]);
    configure(&instance, "listen 80; listen 8443;");
    Systemd::new(&instance.system).restart(layout::WEB).unwrap();
    crate::proxy::front::renew(&instance.system).unwrap();
    assert_eq!(exact(&instance, "a closed one"), [80, 8443]);
    configure(&instance, BOTH);
    crate::proxy::front::renew(&instance.system).unwrap();
    assert_eq!(exact(&instance, "the first one again"), [80, 443]);
    kill(&instance);
    assert_eq!(exact(&instance, "a crash"), [80, 443]);
}

#[test]
fn a_crash_of_nginx_with_all_its_workers_closes_no_listener() {
    let instance = listening(BOTH);
    let root = instance.system.locate("/");
    let old = master(&instance.system).unwrap();
    for worker in crate::proxy::processes::workers(&instance.system, old).unwrap() {
        processes::end(&root, worker);
    }
    processes::end(&root, old);
    assert_eq!(processes::ports(&root, processes::SYSTEMD), [80, 443]);
}

#[test]
fn a_listener_that_the_next_start_does_not_need_is_closed() {
    let instance = listening(BOTH);
    configure(&instance, ONE);
    kill(&instance);
    assert_eq!(exact(&instance, "a crash"), [80]);
}

#[test]
fn a_reload_that_the_agent_does_not_know_of_is_seen_later() {
    let instance = listening(BOTH);
    configure(&instance, ANOTHER);
    hang_up(&instance);
    sync::check(&instance.system).unwrap();
    assert_eq!(exact(&instance, "by hand"), [80, 8443]);
    // Without `check`: the agent itself reloads nginx, and nginx opens 8443 again.
    configure(&instance, BOTH);
    hang_up(&instance);
    configure(&instance, ANOTHER);
    crate::proxy::front::renew(&instance.system).unwrap();
    assert_eq!(exact(&instance, "by hand and again"), [80, 8443]);
}

#[test]
fn the_store_stays_while_no_master_runs() {
    let instance = listening(BOTH);
    let root = instance.system.locate("/");
    let old = master(&instance.system).unwrap();
    processes::end(&root, old);
    sync(&instance.system, old).unwrap();
    assert_eq!(processes::ports(&root, processes::SYSTEMD), [80, 443]);
}

#[test]
fn nginx_serves_if_systemd_does_not_take_its_listeners() {
    let instance = Instance::new();
    {
        let mut model = instance.model.borrow_mut();
        model.has_processes = true;
        model.refuses_descriptors = true;
    }
    let public = processes::any(80);
    processes::open(&instance.system.locate("/"), processes::SYSTEMD, public);
    configure(&instance, BOTH);
    assert_eq!(sync::sync(&instance.system).unwrap(), Synced::Started);
    let error = format!("{:#}", sync(&instance.system, 78).unwrap_err());
    assert!(error.contains("0.0.0.0:443"), "{error}");
}

/// The agent is killed before or after any of its effects. The next `check` makes the store exact again. After it,
/// nginx can close each listener and open it again.
#[test]
fn the_store_is_exact_after_the_next_command_wherever_the_agent_was_killed() {
    type Act = fn(&Instance, &System) -> Result<()>;
    let renew: Act = |_, system| crate::proxy::front::renew(system);
    let crash: Act = |instance, _| {
        kill(instance);
        Ok(())
    };
    let acts: [(&str, &str, &str, Act); 5] = [
        ("a further listener", ONE, BOTH, renew),
        ("a closed listener", BOTH, ONE, renew),
        ("another listener", BOTH, ANOTHER, renew),
        ("a crash", BOTH, BOTH, crash),
        ("a crash after a change", BOTH, ANOTHER, crash),
    ];
    for (name, before, after, act) in acts {
        for point in 0.. {
            let instance = listening(before);
            configure(&instance, after);
            let ended = instance.kill_at(point, |system| act(&instance, system));
            let when = format!("{name}, killed at point {point}");
            if ended.is_some() && name.starts_with("a crash") {
                // A command of the unit's start has failed, so systemd starts the unit again.
                let last = master(&instance.system).unwrap();
                processes::end(&instance.system.locate("/"), last);
                instance.model.borrow_mut().units.remove(layout::FRONT);
                sync::sync(&instance.system).unwrap();
            }
            sync::check(&instance.system).unwrap();
            exact(&instance, &when);
            for listens in [ONE, BOTH, ANOTHER, BOTH] {
                configure(&instance, listens);
                crate::proxy::front::renew(&instance.system).expect(&when);
                let wanted = processes::wanted(&instance.system.locate("/"));
                let ports: Vec<_> = wanted.iter().map(|address| address.port()).collect();
                assert_eq!(exact(&instance, &when), ports, "{when}");
            }
            if ended.is_none() {
                assert!(point >= 6, "{when}");
                break;
            }
        }
    }
}

#[test]
fn nothing_changes_if_the_agent_cannot_see_what_systemd_holds() {
    let instance = listening(BOTH);
    let root = instance.system.locate("/");
    instance.system.remove("/proc/1/fd").unwrap();
    instance.take_calls();
    let master = master(&instance.system).unwrap();
    let error = sync(&instance.system, master).unwrap_err().to_string();
    assert!(error.contains("/proc/1/fd"), "{error}");
    assert_eq!(instance.take_calls(), [""; 0]);
    assert_eq!(processes::ports(&root, master), [80, 443]);
}
