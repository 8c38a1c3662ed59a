#![allow(clippy::unwrap_used)]

use flipless_settings::Config;

use super::*;
use crate::proxy::nginx;
use crate::proxy::sync::Synced;
use crate::testing::{BUNDLE, Instance};

mod live;

/// EB's own file, from the model of EB's engine.
const EBS: &str = flipless_settings::stock::APPLICATION_CONF;
/// The target of `proxy_pass` in EB's file.
const DIRECT: &str = "http://127.0.0.1:5000;";

/// The upstream's file in a bundle.
fn upstream() -> String {
    let folder = flipless_testing::programs::workspace().join("platform-templates");
    let templates = flipless_settings::templates::read_all(&folder).unwrap();
    let tree = flipless_settings::render::platform_tree(&templates, &Config::default()).unwrap();
    tree[&format!("nginx/{UPSTREAM}")].clone()
}

/// An instance whose bundle has the upstream, and where EB has staged `application`.
fn staged(application: &str) -> Instance {
    let instance = Instance::new();
    put(
        &instance,
        &format!("{BUNDLE}/nginx/{UPSTREAM}"),
        &upstream(),
    );
    put(
        &instance,
        &format!("{PROXY_STAGING}/{APPLICATION}"),
        application,
    );
    instance
}

fn put(instance: &Instance, path: &str, text: &str) {
    instance.system.write(path, text.as_bytes(), 0o644).unwrap();
}

fn text(instance: &Instance, path: &str) -> Option<String> {
    read(&instance.system, path).unwrap()
}

/// Returns EB's staged file, and whether the upstream's file exists.
fn result(instance: &Instance) -> (String, bool) {
    let application = text(instance, &format!("{PROXY_STAGING}/{APPLICATION}")).unwrap();
    let upstream = format!("{PROXY_STAGING}/conf.d/{UPSTREAM}");
    (application, instance.system.exists(upstream))
}

fn stage_it(instance: &Instance) {
    let version = nginx::version(&instance.system).unwrap();
    stage(&instance.system, instance.bundle(), 5000, version).unwrap();
}

#[test]
fn ebs_own_proxy_pass_gets_the_upstream_and_nothing_else_changes() {
    let instance = staged(EBS);
    stage_it(&instance);
    let (application, added) = result(&instance);
    let expected = EBS.replace(
        "http://127.0.0.1:5000;",
        "http://flipless_app; proxy_next_upstream error;",
    );
    assert_ne!(expected, EBS);
    assert_eq!((application, added), (expected, true));
}

#[test]
fn a_second_stage_changes_nothing() {
    let instance = staged(EBS);
    stage_it(&instance);
    let once = instance.files();
    stage_it(&instance);
    assert_eq!(instance.files(), once);
}

#[test]
fn a_bundle_without_the_upstream_restores_ebs_proxy_pass() {
    let instance = staged(EBS);
    stage_it(&instance);
    instance
        .system
        .remove(format!("{BUNDLE}/nginx/{UPSTREAM}"))
        .unwrap();
    stage_it(&instance);
    assert_eq!(result(&instance), (EBS.into(), false));
}

#[test]
fn an_uninstall_makes_the_configuration_in_force_ebs_own() {
    let instance = staged(EBS);
    stage_it(&instance);
    instance
        .system
        .copy_tree(PROXY_STAGING, NGINX, None)
        .unwrap();
    crate::proxy::staged::restore_configuration(&instance.system, 5000).unwrap();
    let application = text(&instance, &format!("{NGINX}/{APPLICATION}"));
    assert_eq!(application.as_deref(), Some(EBS));
    let upstream = format!("{NGINX}/conf.d/{UPSTREAM}");
    assert!(!instance.system.exists(upstream));
}

#[test]
fn spaces_and_comments_of_a_file_like_ebs_do_not_matter() {
    for text in [
        "location / {\nproxy_pass http://127.0.0.1:5000;  \r\n\tproxy_set_header host $host;\r\n}",
        "# proxy_pass http://x;\nlocation / {\n  # } proxy_next_upstream off;\n  \
         proxy_pass\thttp://127.0.0.1:5000;\n proxy_set_header Host $host;\n}\n",
        "location /\n{ # {\n  proxy_pass http://127.0.0.1:5000;\n  gzip on; proxy_set_header\n    'Host' $host; }\n",
    ] {
        assert!(is_ebs_own(text, DIRECT), "{text}");
    }
}

#[test]
fn a_file_of_the_users_own_stays_as_it_is() {
    let pass = "proxy_pass          http://127.0.0.1:5000;";
    let says = |line: &str| EBS.replace(pass, line);
    let guarded = says(&format!("if ($x) {{\n        {pass}\n    }}"));
    for text in [
        says("proxy_pass http://127.0.0.1:5000/;"),
        says("proxy_pass http://127.0.0.1:5000/api;"),
        says("proxy_pass http://127.0.0.1:50000;"),
        says("proxy_pass http://127.0.0.1:5001;"),
        says("proxy_pass https://127.0.0.1:5000;"),
        says("proxy_pass http://localhost:5000;"),
        says("proxy_pass http://127.0.0.1:5000$request_uri;"),
        says("proxy_pass http://127.0.0.1:5000; proxy_buffering off;"),
        says(&format!("# {pass}")),
        says(&format!("proxy_next_upstream off;\n{pass}")),
        says(&format!("proxy_next_upstream_tries 1;\n{pass}")),
        says(&format!("gzip on; proxy_next_upstream\n  off;\n{pass}")),
        says(&format!("{pass}\n}}\nlocation /b {{\n{pass}")),
        guarded,
        EBS.replace("Host ", "X-Host "),
        format!("location / {{ {pass} proxy_set_header Host $host; }}"),
        String::new(),
    ] {
        let instance = staged(&text);
        stage_it(&instance);
        assert_eq!(result(&instance), (text, false));
    }
}

#[test]
fn a_users_own_proxy_next_upstream_in_any_file_wins() {
    for path in [
        "nginx.conf",
        "conf.d/own.conf",
        "conf.d/elasticbeanstalk/own.conf",
        "conf.d/deep/er/own.conf",
        "sites-enabled/own",
    ] {
        let decides = "http {\n  proxy_next_upstream off;\n}\n";
        // EB deletes nothing, so a file of an earlier bundle stays in force.
        for place in [PROXY_STAGING, NGINX] {
            let instance = staged(EBS);
            put(&instance, &format!("{place}/{path}"), decides);
            stage_it(&instance);
            assert_eq!(result(&instance), (EBS.into(), false), "{place}/{path}");
        }
        // The flip replaces this file.
        let instance = staged(EBS);
        put(&instance, &format!("{NGINX}/{path}"), decides);
        put(&instance, &format!("{PROXY_STAGING}/{path}"), "# nothing\n");
        stage_it(&instance);
        assert!(result(&instance).1, "{path}");
    }
    let instance = staged(EBS);
    put(&instance, "/etc/own.conf", "proxy_next_upstream off;\n");
    put(&instance, "/etc/sites/own.conf", "");
    let sites = format!("{NGINX}/sites");
    instance.system.link(Path::new("../sites"), sites).unwrap();
    stage_it(&instance);
    assert!(result(&instance).1);
    put(
        &instance,
        "/etc/sites/own.conf",
        "proxy_next_upstream off;\n",
    );
    stage_it(&instance);
    assert_eq!(result(&instance), (EBS.into(), false), "in a linked folder");
    put(&instance, "/etc/sites/own.conf", "");
    let link = format!("{NGINX}/own.conf");
    put(&instance, &format!("{NGINX}/nginx.conf"), "");
    instance
        .system
        .link(Path::new("../own.conf"), link)
        .unwrap();
    stage_it(&instance);
    assert_eq!(result(&instance), (EBS.into(), false), "behind a link");
}

#[test]
fn only_proxy_pass_gets_the_upstream() {
    let text = EBS.replace(
        "proxy_pass ",
        "set $server http://127.0.0.1:5000;\n        proxy_pass ",
    );
    let instance = staged(&text);
    stage_it(&instance);
    let (application, added) = result(&instance);
    assert!(added && application.contains("set $server http://127.0.0.1:5000;\n"));
    assert!(application.contains(THROUGH_UPSTREAM), "{application}");
}

fn test_staged(instance: &Instance) -> anyhow::Result<()> {
    let settings = flipless_settings::Settings::default();
    crate::proxy::staged::test(&instance.system, instance.bundle(), &settings)
}

#[test]
fn an_upstream_that_makes_a_configuration_bad_is_left_out() {
    let instance = staged(EBS);
    let upstream = format!("{PROXY_STAGING}/conf.d/{UPSTREAM}");
    instance.model.borrow_mut().nginx_refuses_with = Some(UPSTREAM.into());
    test_staged(&instance).unwrap();
    assert_eq!(result(&instance), (EBS.into(), false));
    assert!(!instance.system.exists(upstream));
    // A configuration that is bad without the upstream is still an error.
    instance.model.borrow_mut().nginx_refuses = true;
    test_staged(&instance).unwrap_err();
}

#[test]
fn an_unused_upstream_is_removed_from_the_configuration_in_force() {
    let instance = staged(EBS);
    stage_it(&instance);
    instance
        .system
        .copy_tree(PROXY_STAGING, NGINX, None)
        .unwrap();
    let upstream = format!("{NGINX}/conf.d/{UPSTREAM}");
    tidy(&instance.system, NGINX).unwrap();
    assert!(instance.system.exists(&upstream), "it is in use");
    crate::proxy::sync::sync(&instance.system).unwrap();
    // The next bundle has `retry = false`: EB copies its own file to /etc/nginx.
    put(&instance, &format!("{NGINX}/{APPLICATION}"), EBS);
    assert_eq!(
        crate::proxy::sync::sync(&instance.system).unwrap(),
        Synced::Reloaded
    );
    assert!(!instance.system.exists(&upstream));
}

#[test]
fn an_unused_upstream_is_also_removed_when_the_front_starts() {
    let instance = staged(EBS);
    let upstream_file = format!("{NGINX}/conf.d/{UPSTREAM}");
    put(&instance, &format!("{NGINX}/{APPLICATION}"), EBS);
    put(&instance, &upstream_file, &upstream());
    assert_eq!(
        crate::proxy::sync::sync(&instance.system).unwrap(),
        Synced::Started
    );
    assert!(!instance.system.exists(upstream_file));
}

#[test]
fn the_test_before_the_flip_omits_an_upstream_that_the_flip_removes() {
    let instance = staged(EBS);
    let bundled = format!("{BUNDLE}/nginx/{UPSTREAM}");
    instance.system.remove(bundled).unwrap();
    put(&instance, &format!("{NGINX}/conf.d/{UPSTREAM}"), "refused");
    // The test pretends that only this file is bad.
    instance.model.borrow_mut().nginx_refuses_with = Some(UPSTREAM.into());
    test_staged(&instance).unwrap();
}

#[test]
fn an_nginx_that_keeps_upstream_connections_by_default_is_told_not_to() {
    let upstream = upstream();
    let has = |version| {
        let fitting = upstream_for(&upstream, version);
        assert!(fitting.contains("max_fails=0 backup;\n"), "{fitting}");
        fitting.lines().any(|line| line.trim() == "keepalive 0;")
    };
    assert!(has((1, 29, 7)) && has((1, 30, 0)));
    assert!(!has((1, 29, 6)) && !has((1, 22, 1)));
}
