#![allow(clippy::unwrap_used)]
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::testing::{Instance, SERVER_BIN};

mod shared;

/// An instance with a bundle in `/b`.
fn bundle() -> Instance {
    let instance = Instance::new();
    let system = &instance.system;
    system
        .write(format!("/b/bin/{SERVER_BIN}"), b"server", 0o755)
        .unwrap();
    system.write("/b/Procfile", b"web: x", 0o644).unwrap();
    instance
}

#[test]
fn the_identity_is_of_content_and_environment() {
    let instance = bundle();
    let system = &instance.system;
    let first = install(system, Path::new("/b"), SERVER_BIN, "A=\"1\"\n").unwrap();
    assert_eq!(first.len(), IDENTITY_DIGITS);
    assert_eq!(
        install(system, Path::new("/b"), SERVER_BIN, "A=\"1\"\n").unwrap(),
        first
    );
    assert_ne!(
        install(system, Path::new("/b"), SERVER_BIN, "A=\"2\"\n").unwrap(),
        first
    );
    system.write("/b/Procfile", b"web: y", 0o644).unwrap();
    assert_ne!(
        install(system, Path::new("/b"), SERVER_BIN, "A=\"1\"\n").unwrap(),
        first
    );
}

#[test]
fn an_installed_release_has_the_bundle_and_a_private_environment() {
    let instance = bundle();
    let system = &instance.system;
    let identity = install(system, Path::new("/b"), SERVER_BIN, "A=\"1\"\n").unwrap();
    let release = format!("{}/{identity}", layout::RELEASES);
    assert_eq!(
        system
            .read(format!("{release}/app/Procfile"))
            .unwrap()
            .unwrap(),
        b"web: x"
    );
    let mode = system
        .locate(format!("{release}/environment"))
        .metadata()
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
}

#[test]
fn a_folder_without_the_server_is_refused_before_anything_is_written() {
    let instance = bundle();
    let system = &instance.system;
    system.remove("/b/bin").unwrap();
    let error = install(system, Path::new("/b"), SERVER_BIN, "").unwrap_err();
    assert!(error.to_string().contains("unpacked bundle"), "{error}");
    assert!(!system.exists(layout::RELEASES));
}

#[test]
fn a_modified_release_is_not_used_for_the_same_bundle() {
    let instance = bundle();
    let system = &instance.system;
    let first = install(system, Path::new("/b"), SERVER_BIN, "A=\"1\"\n").unwrap();
    let changed = format!("{}/{first}/app/Procfile", layout::RELEASES);
    system.write(&changed, b"web: changed", 0o644).unwrap();
    let second = install(system, Path::new("/b"), SERVER_BIN, "A=\"1\"\n").unwrap();
    assert_ne!(second, first);
    let again = install(system, Path::new("/b"), SERVER_BIN, "A=\"1\"\n").unwrap();
    assert_eq!(again, second, "the second copy is complete");
    let content = system.read(&changed).unwrap().unwrap();
    assert_eq!(content, b"web: changed", "it may be running");
}

#[test]
fn a_link_in_place_of_a_release_is_not_followed() {
    let instance = bundle();
    let system = &instance.system;
    let first = install(system, Path::new("/b"), SERVER_BIN, "").unwrap();
    let place = format!("{}/{first}", layout::RELEASES);
    system.rename(&place, "/elsewhere").unwrap();
    system.link(&system.locate("/elsewhere"), &place).unwrap();
    assert_ne!(
        install(system, Path::new("/b"), SERVER_BIN, "").unwrap(),
        first
    );
}
