#![allow(clippy::unwrap_used)]

use flipless_settings::stock::NGINX_FILES;

use super::*;
use crate::proxy::nginx;
use crate::testing::{BUNDLE, Instance};

mod live;

/// An instance with EB's staged configuration.
fn staged() -> Instance {
    let instance = Instance::new();
    for (file, text) in NGINX_FILES {
        put(&instance, file, text);
    }
    instance
}

fn put(instance: &Instance, file: &str, text: &str) {
    let path = format!("{PROXY_STAGING}/{file}");
    instance.system.write(path, text.as_bytes(), 0o644).unwrap();
}

fn text(instance: &Instance, file: &str) -> String {
    let content = instance.system.read(format!("{PROXY_STAGING}/{file}"));
    String::from_utf8(content.unwrap().unwrap_or_default()).unwrap()
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.https.domains = vec!["shop.example.com".into()];
    settings
}

fn stage_it(instance: &Instance, settings: &Settings) -> Result<()> {
    let version = nginx::version(&instance.system)?;
    stage(&instance.system, Path::new(BUNDLE), settings, version)
}

#[test]
fn a_second_stage_changes_nothing() {
    let instance = staged();
    stage_it(&instance, &settings()).unwrap();
    let files = || instance.files();
    let first = files();
    stage_it(&instance, &settings()).unwrap();
    assert_eq!(files(), first);
}

#[test]
fn without_https_ebs_configuration_is_ebs_own() {
    let instance = staged();
    let before = instance.files();
    stage_it(&instance, &settings()).unwrap();
    assert_ne!(instance.files(), before);
    stage_it(&instance, &Settings::default()).unwrap();
    assert_eq!(instance.files(), before);
}

/// EB deletes no file in /etc/nginx, so a `server` block of an earlier version of the bundle may still be there.
#[test]
fn a_server_of_the_user_on_the_same_port_is_refused_in_the_bundle_and_in_force() {
    let server = "server { listen 443 ssl; }";
    let instance = staged();
    put(&instance, "conf.d/https.conf", server);
    stage_it(&instance, &settings()).unwrap_err();
    let instance = staged();
    let path = format!("{NGINX}/conf.d/https.conf");
    instance
        .system
        .write(path, server.as_bytes(), 0o644)
        .unwrap();
    let error = stage_it(&instance, &settings()).unwrap_err();
    let hint = crate::hint::of(&error).unwrap();
    assert!(
        hint.contains("rm -f /etc/nginx/conf.d/https.conf"),
        "{hint}"
    );
}

#[test]
fn a_configuration_that_does_not_read_the_server_is_refused() {
    let own = format!("# configuration file {NGINX}/{SERVER}:\n");
    assert!(check_dump(&own, &settings()).is_ok());
    assert!(check_dump("", &Settings::default()).is_ok());
    let refused = check_dump("# configuration file /etc/nginx/nginx.conf:\n", &settings());
    let hint = refused.unwrap_err().hint;
    assert!(hint.contains("include conf.d/*.conf;"), "{hint}");
}
