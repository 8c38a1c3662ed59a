#![allow(clippy::unwrap_used)]

use super::*;
use crate::testing::Instance;

const NGINX: &str = "/usr/sbin/nginx";
const LIBRARY: &str = "/usr/lib64/libcrypto.so.3.0.8";

/// The maps of a master that has loaded nginx and a library. The file at `gone` was deleted.
fn maps(gone: &str) -> String {
    let line = |perms: &str, path: &str| {
        let deleted = if path == gone { DELETED } else { "" };
        format!("7f00-7f01 {perms} 00000000 fd:00 4711                    {path}{deleted}\n")
    };
    [
        line("r--p", NGINX),
        line("r-xp", NGINX),
        line("r-xp", LIBRARY),
        line("r--p", "/usr/share/zone"),
        "7f00-7f01 rw-s 00000000 00:01 12 /dev/zero (deleted)\n".into(),
        "7f00-7f01 r-xs 00000000 00:01 13 /memfd:code (deleted)\n".into(),
        "7f00-7f01 rwxp 00000000 00:00 0 \n7f00-7f01 r-xp 0 00:00 0 [vdso]\n".into(),
    ]
    .concat()
}

/// An instance on which the master 77 runs.
fn running() -> Instance {
    let instance = Instance::new();
    for path in [NGINX, LIBRARY, "/usr/share/zone"] {
        put(&instance, path, "one");
    }
    put(&instance, "/proc/77/maps", &maps(""));
    note(&instance.system, 77).unwrap();
    instance
}

fn put(instance: &Instance, path: &str, text: &str) {
    instance.system.write(path, text.as_bytes(), 0o755).unwrap();
}

fn found(instance: &Instance) -> Option<String> {
    replaced(&instance.system, 77).unwrap()
}

#[test]
fn nothing_was_replaced_while_the_files_are_the_same() {
    let instance = running();
    assert_eq!(found(&instance), None);
    // This file contains no code.
    put(&instance, "/usr/share/zone", "two");
    assert_eq!(found(&instance), None);
}

#[test]
fn a_file_with_the_same_path_is_another_one() {
    for path in [NGINX, LIBRARY] {
        let instance = running();
        put(&instance, path, "one");
        assert_eq!(found(&instance).as_deref(), Some(path), "a rename");
        let instance = running();
        std::fs::write(instance.system.locate(path), "longer").unwrap();
        assert_eq!(found(&instance).as_deref(), Some(path), "in its place");
        note(&instance.system, 77).unwrap();
        assert_eq!(found(&instance), None, "the next master has loaded it");
    }
}

/// An update may remove a library instead of replacing it: OpenSSL's libraries get other names.
#[test]
fn a_file_that_was_removed_was_replaced() {
    let instance = running();
    instance.system.remove(LIBRARY).unwrap();
    put(&instance, "/proc/77/maps", &maps(LIBRARY));
    assert_eq!(found(&instance).as_deref(), Some(LIBRARY));
    // The removed library is found even if it was removed before `note` recorded the files.
    note(&instance.system, 77).unwrap();
    assert_eq!(found(&instance).as_deref(), Some(LIBRARY));
}

#[test]
fn a_module_that_a_reload_has_loaded_counts_from_then_on() {
    let instance = running();
    let module = "/usr/lib64/nginx/modules/ngx_a b.so";
    put(&instance, module, "one");
    let line = format!("7f00-7f01 r-xp 0000 fd:00 7 {module}\n");
    put(&instance, "/proc/77/maps", &(maps("") + &line));
    put(&instance, NGINX, "two");
    note_further(&instance.system, 77).unwrap();
    assert_eq!(found(&instance).as_deref(), Some(NGINX), "not forgotten");
    note(&instance.system, 77).unwrap();
    assert_eq!(found(&instance), None);
    put(&instance, module, "two");
    assert_eq!(found(&instance).as_deref(), Some(module));
}

/// A drop-in of the front may bind another folder to a path.
#[test]
fn a_module_is_looked_for_where_nginx_sees_it() {
    let instance = running();
    let module = "/opt/own.so";
    put(&instance, &format!("/proc/77/root{module}"), "one");
    put(&instance, "/proc/77/root/etc/nginx/nginx.conf", "");
    let maps = format!("7f00-7f01 r-xp 0000 fd:00 7 {module}\n");
    put(&instance, "/proc/77/maps", &maps);
    note(&instance.system, 77).unwrap();
    put(&instance, module, "of the agent");
    assert_eq!(found(&instance), None);
    put(&instance, &format!("/proc/77/root{module}"), "two");
    assert_eq!(found(&instance).as_deref(), Some(module));
}
