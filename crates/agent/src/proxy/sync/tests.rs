#![allow(clippy::unwrap_used)]

use super::*;
use crate::instance::paths::NGINX;
use crate::testing::Instance;

const PROGRAM: &str = "/usr/sbin/nginx";

fn put(instance: &Instance, path: &str, text: &str) {
    instance.system.write(path, text.as_bytes(), 0o644).unwrap();
}

/// Returns an instance whose front runs with this text in `nginx.conf`.
fn running(text: &str) -> Instance {
    let instance = Instance::new();
    put(&instance, &format!("{NGINX}/nginx.conf"), text);
    put(&instance, PROGRAM, "one");
    // The masters of the model: the first one, and the one after a kill.
    for pid in [77, 78] {
        let maps = format!("7f00-7f01 r-xp 00000000 fd:00 4711 {PROGRAM}\n");
        put(&instance, &format!("/proc/{pid}/maps"), &maps);
    }
    assert_eq!(sync(&instance.system).unwrap(), Synced::Started);
    instance.take_calls();
    instance
}

#[test]
fn a_front_whose_program_was_updated_is_replaced_once() {
    let instance = running("events {}");
    let system = &instance.system;
    assert_eq!(sync(system).unwrap(), Synced::Unchanged);
    put(&instance, PROGRAM, "two");
    assert_eq!(sync(system).unwrap(), Synced::Updated);
    assert_eq!(instance.take_calls(), ["Kill 77"]);
    // The front's unit does this after the start of the next master.
    program::note(system, 78).unwrap();
    assert_eq!(sync(system).unwrap(), Synced::Unchanged);
    assert_eq!(instance.take_calls(), [""; 0]);
}

#[test]
fn an_update_with_which_nginx_would_not_start_leaves_the_old_one_running() {
    let instance = running("events {}");
    put(&instance, PROGRAM, "two");
    instance.model.borrow_mut().nginx_refuses = true;
    let error = format!("{:#}", sync(&instance.system).unwrap_err());
    assert!(
        error.contains("after the update of /usr/sbin/nginx"),
        "{error}"
    );
    assert!(error.contains("nginx refuses"), "{error}");
    assert_eq!(instance.take_calls(), [""; 0]);
}

#[test]
fn a_check_while_nginx_ends_is_no_error() {
    let instance = running("events {}");
    instance.model.borrow_mut().nginx_ends = true;
    assert_eq!(check(&instance.system).unwrap(), Synced::Unchanged);
}

#[test]
fn a_deployment_looks_names_up_again_once() {
    let named = "http { server { location / { proxy_pass http://api.example.com; } } }";
    let instance = running(named);
    assert_eq!(sync(&instance.system).unwrap(), Synced::Reloaded);
    assert_eq!(settle(&instance.system).unwrap(), Synced::Unchanged);
    let instance = running(&named.replace("api.example.com", "127.0.0.1:5000"));
    assert_eq!(sync(&instance.system).unwrap(), Synced::Unchanged);
}

#[test]
fn a_deployment_empties_the_cache_of_open_files_once() {
    let instance = running("http { open_file_cache max=1000; }");
    assert_eq!(sync(&instance.system).unwrap(), Synced::Reloaded);
    assert_eq!(settle(&instance.system).unwrap(), Synced::Unchanged);
    let instance = running("http { open_file_cache off; }");
    assert_eq!(sync(&instance.system).unwrap(), Synced::Unchanged);
}

/// Another program reloads the front's unit, so the unit is not active for a moment.
#[test]
fn a_front_that_is_reloading_runs() {
    let put = |instance: &Instance, text: &str| put(instance, &format!("{NGINX}/nginx.conf"), text);
    let busy = |instance: &Instance| instance.model.borrow_mut().looks_until_active.set(3);
    let instance = running("events {}");
    let system = &instance.system;
    instance.make_active(layout::NGINX);
    busy(&instance);
    assert_eq!(sync(system).unwrap(), Synced::Unchanged);
    put(&instance, "events { }");
    busy(&instance);
    assert_eq!(sync(system).unwrap(), Synced::Reloaded);
    busy(&instance);
    instance.take_calls();
    crate::proxy::front::replace_stock(system).unwrap();
    assert_eq!(instance.take_calls(), [""; 0]);
    busy(&instance);
    crate::proxy::front::renew(system).unwrap();
    assert_eq!(instance.model.borrow().reloads_of_stock, 0);
}
