#![allow(clippy::unwrap_used)]

use std::fs::{Permissions, set_permissions};
use std::path::Path;

use super::*;
use crate::testing::Instance;

fn server(path: &str, own_user: bool) -> Server {
    Server {
        writable_paths: vec![path.into()],
        own_user,
        ..Server::default()
    }
}

/// Returns the reason and the hint of the refusal.
fn refused(instance: &Instance, path: &str, own_user: bool) -> (String, String) {
    let error = check(&instance.system, &server(path, own_user)).unwrap_err();
    let Advice { reason, hint } = error.downcast().unwrap();
    assert!(reason.contains("[server] writable-paths"), "{reason}");
    assert!(reason.contains(path), "{reason}");
    (reason, hint)
}

#[test]
fn a_path_that_is_no_folder_is_refused_with_what_to_do() {
    let instance = Instance::new();
    let system = &instance.system;
    system.write("/srv/file", b"", 0o644).unwrap();
    system.link(Path::new("nowhere"), "/srv/dangling").unwrap();
    system.link(Path::new("loop"), "/srv/loop").unwrap();
    for (path, why, what) in [
        (
            "/srv/data",
            "it does not exist",
            "mkdir -p /srv/data && chown webapp:webapp",
        ),
        (
            "/srv/dangling",
            "a link to nowhere, which does not exist",
            "mkdir",
        ),
        (
            "/srv/dangling/x",
            "it does not exist",
            "mkdir -p /srv/dangling/x",
        ),
        (
            "/srv/file",
            "it is not a folder",
            "the folder that contains",
        ),
        ("/srv/file/x", "ot a directory", "existing folder"),
        ("/srv/loop", "ymbolic link", "existing folder"),
    ] {
        let (reason, hint) = refused(&instance, path, false);
        assert!(reason.contains(why), "{path}: {reason}");
        assert!(hint.contains(what), "{path}: {hint}");
    }
}

#[test]
fn a_link_to_a_folder_that_no_server_may_write_to_is_refused() {
    let instance = Instance::new();
    let system = &instance.system;
    system.make_folder("/etc/systemd/system").unwrap();
    system.make_folder("/srv/data").unwrap();
    system
        .link(Path::new("../etc/systemd/system"), "/srv/units")
        .unwrap();
    system.link(Path::new("data"), "/srv/link").unwrap();
    let (reason, _) = refused(&instance, "/srv/units", false);
    assert!(
        reason.contains("it leads to /etc/systemd/system"),
        "{reason}"
    );
    for path in ["/srv/link", "/srv/data", "/srv/data/"] {
        check(system, &server(path, false)).unwrap();
    }
}

#[test]
fn runs_with_their_own_users_need_the_right_of_their_group() {
    let instance = Instance::new();
    let system = &instance.system;
    system.make_folder("/srv/data").unwrap();
    let folder = system.locate("/srv/data");
    let group = |id: u32| {
        let groups = format!("root:x:0:\nwebapp:x:{id}:\n");
        system
            .write("/etc/group", groups.as_bytes(), 0o644)
            .unwrap();
    };
    let own = folder.metadata().unwrap().gid();
    let allowed = |mode| {
        set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
        check(system, &server("/srv/data", true)).is_ok()
    };
    group(own);
    assert!(allowed(0o775) && allowed(0o2770) && allowed(0o777));
    assert!(!allowed(0o755));
    let (reason, hint) = refused(&instance, "/srv/data", true);
    assert!(reason.contains("own-user"), "{reason}");
    assert!(hint.contains("chmod -R g+w /srv/data"), "{hint}");
    // One user for all runs needs no group.
    check(system, &server("/srv/data", false)).unwrap();
    group(own + 1);
    assert!(!allowed(0o775) && allowed(0o777));
}
