#![allow(clippy::unwrap_used)]

use super::*;
use crate::testing::{Instance, processes};

/// The public port, which flipless-front.socket holds, and a port that nginx has opened.
const PUBLIC: u16 = 80;
const FURTHER: u16 = 443;

/// The agent before a start of nginx, and a worker that a killed master left. The worker listens on these ports.
fn crashed(ports: &[u16]) -> Instance {
    let instance = Instance::new();
    let root = instance.system.locate("/");
    processes::add(&root, std::process::id(), 1, "flipless front-starting");
    processes::add(&root, 70, 1, "nginx: worker process");
    processes::open(&root, processes::SYSTEMD, processes::any(PUBLIC));
    for port in ports {
        match *port {
            PUBLIC => processes::inherit(&root, 70),
            port => assert!(processes::open(&root, 70, processes::any(port))),
        }
    }
    instance
}

/// Starts the next master, as the front's unit does between two commands of the agent.
fn next_master(instance: &Instance, wanted: &[u16]) {
    let root = instance.system.locate("/");
    let wanted: Vec<_> = wanted.iter().map(|port| processes::any(*port)).collect();
    assert!(processes::start(&root, 77, &wanted), "a port is in use");
}

#[test]
fn old_workers_with_only_the_public_port_serve_until_the_new_workers_run() {
    let instance = crashed(&[PUBLIC]);
    starting(&instance.system);
    assert_eq!(instance.take_calls(), [""; 0]);
    next_master(&instance, &[PUBLIC]);
    started(&instance.system, 77).unwrap();
    assert_eq!(instance.take_calls(), ["Quit 70"]);
}

#[test]
fn another_listener_is_passed_on_and_its_old_workers_serve_until_the_new_workers_run() {
    let instance = crashed(&[PUBLIC, FURTHER]);
    starting(&instance.system);
    let calls = instance.take_calls();
    assert!(
        matches!(&calls[..], [keep] if keep.starts_with("keep ") && keep.ends_with(" of 70")),
        "{calls:?}"
    );
    next_master(&instance, &[PUBLIC, FURTHER]);
    started(&instance.system, 77).unwrap();
    assert_eq!(instance.take_calls(), ["Quit 70"]);
    // The next start has nothing to pass on.
    let root = instance.system.locate("/");
    processes::end(&root, 70);
    starting(&instance.system);
    started(&instance.system, 77).unwrap();
    assert_eq!(instance.take_calls(), [""; 0]);
}

#[test]
fn old_workers_that_hold_another_listener_end_if_systemd_does_not_take_it() {
    let instance = crashed(&[PUBLIC, FURTHER]);
    instance.model.borrow_mut().refuses_descriptors = true;
    starting(&instance.system);
    assert_eq!(instance.take_calls(), ["Quit 70"]);
}

#[test]
fn old_workers_continue_if_nginx_would_not_start() {
    let instance = crashed(&[PUBLIC, FURTHER]);
    instance.model.borrow_mut().nginx_refuses = true;
    starting(&instance.system);
    assert_eq!(instance.take_calls(), [""; 0]);
}

#[test]
fn old_workers_continue_while_the_new_master_has_no_workers() {
    let instance = crashed(&[PUBLIC]);
    // The new master ended before it had workers.
    let error = started(&instance.system, 77).unwrap_err().to_string();
    assert!(error.contains("ended before it had workers"), "{error}");
    assert_eq!(instance.take_calls(), [""; 0]);
}

#[test]
fn a_socket_file_that_a_killed_master_left_is_removed_and_no_other() {
    let instance = Instance::new();
    let system = &instance.system;
    system.make_folder("/run").unwrap();
    let bind = |path: &str| std::os::unix::net::UnixListener::bind(system.locate(path)).unwrap();
    system.make_folder("/tmp").unwrap();
    let _sockets = ["/run/stale", "/run/served", "/tmp/of-another"].map(bind);
    system.write("/run/file", b"", 0o644).unwrap();
    let table = "0: 00000002 00000000 00010000 0001 01 700 /run/served\n";
    system
        .write("/proc/1/net/unix", table.as_bytes(), 0o644)
        .unwrap();
    let listens = "listen unix:/run/stale; listen unix:/run/served; listen unix:/run/file; \
                   listen unix:/run/none; listen unix:/tmp/of-another;";
    let dump =
        format!("# configuration file /etc/nginx/nginx.conf:\nhttp {{ server {{ {listens} }} }}");
    make_way(system, &dump).unwrap();
    assert_eq!(system.names("/run").unwrap(), ["file", "served"]);
    assert_eq!(system.names("/tmp").unwrap(), ["of-another"]);
}

#[test]
fn a_front_whose_sandbox_changed_is_replaced_and_no_other() {
    let instance = Instance::new();
    let system = &instance.system;
    let unit = format!("{}/{}", crate::instance::paths::UNITS, layout::FRONT);
    let put = |text: &str| system.write(&unit, text.as_bytes(), 0o644).unwrap();
    put("[Service]\nProtectHome=true\n");
    assert_eq!(
        super::super::sync::sync(system).unwrap().to_string(),
        "nginx started"
    );
    put("[Service]\nProtectHome=true\nTimeoutStopSec=9\n");
    instance.take_calls();
    assert_eq!(
        super::super::sync::sync(system).unwrap().to_string(),
        "nginx already has this configuration"
    );
    put("[Service]\nProtectHome=read-only\n");
    super::super::sync::sync(system).unwrap();
    assert_eq!(instance.take_calls(), ["Kill 77"]);
    assert!(!sandbox_changed(system).unwrap());
    let tests = instance.model.borrow().tests.clone();
    assert!(tests[0].contains("ProtectHome=read-only"), "{tests:?}");
}

#[test]
fn nginx_is_not_killed_for_a_sandbox_in_which_it_would_not_start() {
    let instance = Instance::new();
    let system = &instance.system;
    super::super::sync::sync(system).unwrap();
    let unit = format!("{}/{}", crate::instance::paths::UNITS, layout::FRONT);
    system
        .write(&unit, b"[Service]\nProtectHome=read-only\n", 0o644)
        .unwrap();
    instance.model.borrow_mut().nginx_refuses = true;
    instance.take_calls();
    super::super::sync::sync(system).unwrap_err();
    assert_eq!(instance.take_calls(), [""; 0]);
}

/// A folder in the place of each note makes the agent fail where it reads or writes the note.
#[test]
fn nginx_starts_even_if_the_agent_cannot_keep_its_notes() {
    let notes = [
        "front-loaded",
        "front-sandbox",
        "front-listeners",
        "front-program",
    ];
    for note in notes {
        let instance = crashed(&[PUBLIC, FURTHER]);
        let system = &instance.system;
        let folder = format!("/run/flipless/{note}/x");
        system.make_folder(folder).unwrap();
        crate::commands::execute(&crate::commands::Command::FrontStarting, system).expect(note);
        let root = system.locate("/");
        for orphan in [70].into_iter().filter(|_| note == "front-listeners") {
            processes::end(&root, orphan);
        }
        next_master(&instance, &[PUBLIC, FURTHER]);
        started(system, 77).expect(note);
        assert!(
            instance.take_calls().contains(&"Quit 70".to_owned()),
            "{note}"
        );
    }
}
