#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::*;
use crate::testing::Instance;

/// A process as /proc shows it, in the control group of the tests.
fn process(instance: &Instance, pid: u32, parent: u32, title: &str) {
    let put = |file: &str, text: String| {
        let path = format!("/proc/{pid}/{file}");
        instance.system.write(path, text.as_bytes(), 0o644).unwrap();
    };
    put("cmdline", format!("{title}\0"));
    put("stat", format!("{pid} (nginx) S {parent} 0"));
    put("cgroup", "0::/front".into());
}

/// The agent before a start, and a worker that a killed master left. It listens on `address`, in hexadecimal.
fn crashed(address: &str) -> Instance {
    let instance = Instance::new();
    process(&instance, std::process::id(), 1, "flipless front-starting");
    process(&instance, 70, 1, "nginx: worker process");
    let system = &instance.system;
    let table =
        format!("  sl  local_address\n   0: {address} 00000000:0000 0A 0:0 0:0 0 0 0 4711 1\n");
    system
        .write("/proc/net/tcp", table.as_bytes(), 0o644)
        .unwrap();
    system.make_folder("/proc/70/fd").unwrap();
    system
        .link(Path::new("socket:[4711]"), "/proc/70/fd/6")
        .unwrap();
    instance
}

#[test]
fn old_workers_with_only_the_public_port_serve_until_the_new_workers_run() {
    let instance = crashed("00000000:0050");
    starting(&instance.system).unwrap();
    assert_eq!(instance.take_calls(), [""; 0]);
    process(&instance, 77, 1, "nginx: master process");
    process(&instance, 78, 77, "nginx: worker process");
    started(&instance.system, 77).unwrap();
    assert_eq!(instance.take_calls(), ["Quit 70"]);
}

#[test]
fn another_listener_is_passed_on_and_its_old_workers_serve_until_the_new_workers_run() {
    let instance = crashed("00000000:01BB");
    instance.model.borrow_mut().keeps_descriptors = true;
    let named = || {
        let text = instance.system.read("/run/flipless/front-listeners");
        String::from_utf8(text.unwrap().unwrap()).unwrap()
    };
    starting(&instance.system).unwrap();
    assert_eq!(instance.take_calls(), ["keep 6 of 70"]);
    assert_eq!(named(), "NGINX=3;4;\n");
    process(&instance, 77, 1, "nginx: master process");
    process(&instance, 78, 77, "nginx: worker process");
    started(&instance.system, 77).unwrap();
    assert_eq!(instance.take_calls(), ["drop", "Quit 70"]);
    assert_eq!(named(), "NGINX=3;\n");
    // The next start has nothing to pass on.
    instance.system.remove("/proc/70").unwrap();
    starting(&instance.system).unwrap();
    started(&instance.system, 77).unwrap();
    assert_eq!(instance.take_calls(), [""; 0]);
    assert_eq!(named(), "NGINX=3;\n");
}

#[test]
fn old_workers_that_hold_another_listener_end_before_the_next_master_opens_it() {
    let instance = crashed("00000000:01BB");
    starting(&instance.system).unwrap();
    assert_eq!(instance.take_calls(), ["Quit 70"]);
}

#[test]
fn old_workers_continue_if_nginx_would_not_start() {
    let instance = crashed("00000000:01BB");
    instance.model.borrow_mut().nginx_refuses = true;
    starting(&instance.system).unwrap();
    assert_eq!(instance.take_calls(), [""; 0]);
}

#[test]
fn old_workers_continue_while_the_new_master_has_no_workers() {
    let instance = crashed("00000000:0050");
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
    let _sockets = [bind("/run/stale"), bind("/run/served")];
    system.write("/run/file", b"", 0o644).unwrap();
    let table = "0: 00000002 00000000 00010000 0001 01 700 /run/served\n";
    system
        .write("/proc/net/unix", table.as_bytes(), 0o644)
        .unwrap();
    let listens = "listen unix:/run/stale; listen unix:/run/served; listen unix:/run/file; \
                   listen unix:/run/none;";
    let dump =
        format!("# configuration file /etc/nginx/nginx.conf:\nhttp {{ server {{ {listens} }} }}");
    make_way(system, &dump).unwrap();
    assert_eq!(system.names("/run").unwrap(), ["file", "served"]);
}

#[test]
fn a_front_whose_sandbox_changed_is_replaced_and_no_other() {
    let instance = Instance::new();
    let system = &instance.system;
    let unit = format!("{}/{}", crate::instance::paths::UNITS, layout::FRONT);
    let put = |text: &str| system.write(&unit, text.as_bytes(), 0o644).unwrap();
    put("[Service]\nProtectHome=true\n");
    assert_eq!(
        super::super::front::sync(system).unwrap().to_string(),
        "nginx started"
    );
    put("[Service]\nProtectHome=true\nTimeoutStopSec=9\n");
    instance.take_calls();
    assert_eq!(
        super::super::front::sync(system).unwrap().to_string(),
        "nginx already has this configuration"
    );
    put("[Service]\nProtectHome=read-only\n");
    super::super::front::sync(system).unwrap();
    assert_eq!(instance.take_calls(), ["Kill 77"]);
    assert!(!sandbox_changed(system).unwrap());
    let tests = instance.model.borrow().tests.clone();
    assert!(tests[0].contains("ProtectHome=read-only"), "{tests:?}");
}

#[test]
fn nginx_is_not_killed_for_a_sandbox_in_which_it_would_not_start() {
    let instance = Instance::new();
    let system = &instance.system;
    super::super::front::sync(system).unwrap();
    let unit = format!("{}/{}", crate::instance::paths::UNITS, layout::FRONT);
    system
        .write(&unit, b"[Service]\nProtectHome=read-only\n", 0o644)
        .unwrap();
    instance.model.borrow_mut().nginx_refuses = true;
    instance.take_calls();
    super::super::front::sync(system).unwrap_err();
    assert_eq!(instance.take_calls(), [""; 0]);
}
