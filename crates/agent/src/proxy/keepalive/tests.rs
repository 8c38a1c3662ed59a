#![allow(clippy::unwrap_used)]

use super::*;
use crate::proxy::nginx;
use crate::testing::{BUNDLE, Instance};

fn version(system: &System) -> Version {
    nginx::version(system).unwrap()
}

fn seconds(text: &str) -> Option<u64> {
    largest(&syntax::parse(text)).map(|time| time.as_secs())
}

#[test]
fn the_largest_time_of_every_context_counts() {
    for (text, expected) in [
        ("http { keepalive_timeout 60; }", 60),
        ("http { server { keepalive_timeout 10; } }", 75),
        (
            "http { keepalive_timeout 10; server { keepalive_timeout 2h; } }",
            7_200,
        ),
        (
            "http { keepalive_timeout 10; server { location / { if ($a) { keepalive_timeout 99; } } } }",
            99,
        ),
        ("http { keepalive_timeout 300s 60s; }", 300),
        ("http {\n  keepalive_timeout\n    '1h 30m' ; # 9d\n}", 5_400),
        ("http { keepalive_timeout 0; }", 0),
        // The limit for connections to an upstream, and another directive.
        (
            "http { keepalive_timeout 10; upstream a { keepalive_timeout 1h; } keepalive_time 3h; }",
            10,
        ),
        ("http { upstream a { keepalive_timeout 1h; } }", 75),
        ("http { } stream { server { proxy_timeout 1h; } }", 75),
    ] {
        assert_eq!(seconds(text), Some(expected), "{text}");
    }
}

#[test]
fn a_configuration_that_sets_the_time_itself_keeps_it() {
    for text in [
        "http { keepalive_min_timeout 5; }",
        "http { server { keepalive_min_timeout\n0; } }",
        "http { server { location / { keepalive_timeout 3h; keepalive_min_timeout 1h; } } }",
    ] {
        assert_eq!(seconds(text), None, "{text}");
    }
    assert_eq!(seconds("http { # keepalive_min_timeout 5;\n}"), Some(75));
}

#[test]
fn times_are_read_as_nginx_reads_them() {
    for (text, expected) in [
        ("75", Some(75_000)),
        ("75s", Some(75_000)),
        ("1m30s", Some(90_000)),
        ("1h 30m", Some(5_400_000)),
        ("1d2h", Some(93_600_000)),
        ("2w", Some(1_209_600_000)),
        ("1M", Some(2_592_000_000)),
        ("1500ms", Some(1_500)),
        ("1s500ms", Some(1_500)),
        ("1m30", Some(90_000)),
        ("x", None),
        ("5x", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(
            parse_time(text).map(|time| time.as_millis()),
            expected,
            "{text}"
        );
    }
}

/// An instance with files of nginx, and a bundle with the piece.
fn instance(files: &[(&str, &str)]) -> Instance {
    let instance = Instance::new();
    let piece = format!("{BUNDLE}/nginx/{KEEPALIVE}");
    let text = "# ours\nkeepalive_min_timeout 75s;\n";
    for (path, text) in files.iter().chain([&(piece.as_str(), text)]) {
        instance.system.write(path, text.as_bytes(), 0o644).unwrap();
    }
    instance
}

fn piece(instance: &Instance) -> Option<String> {
    let piece = instance.system.read(staged()).unwrap()?;
    Some(String::from_utf8(piece).unwrap())
}

const STAGED: &str = "/var/proxy/staging/nginx/nginx.conf";
const OURS: &str = "/etc/nginx/conf.d/zz-flipless-keepalive.conf";

#[test]
fn the_piece_has_the_time_of_the_configuration_after_the_flip() {
    let instance = instance(&[
        (
            STAGED,
            "http { keepalive_timeout 60; include conf.d/*.conf; }",
        ),
        // This file stays in force, because EB deletes nothing.
        (
            "/etc/nginx/conf.d/own.conf",
            "server { keepalive_timeout 2h; }",
        ),
        ("/etc/nginx/conf.d/off", "keepalive_timeout 9h;"),
        // The piece of the previous deployment.
        (OURS, "keepalive_min_timeout 600s;"),
    ]);
    let (system, bundle) = (&instance.system, instance.bundle());
    stage(system, bundle, version(system)).unwrap();
    let expected = "# ours\nkeepalive_min_timeout 7200s;\n";
    assert_eq!(piece(&instance).as_deref(), Some(expected));
    let own = format!("{PROXY_STAGING}/conf.d/own.conf");
    system.write(own, b"keepalive_requests 9;", 0o644).unwrap();
    stage(system, bundle, version(system)).unwrap();
    let expected = "# ours\nkeepalive_min_timeout 60s;\n";
    assert_eq!(piece(&instance).as_deref(), Some(expected));
}

#[test]
fn where_the_user_sets_the_time_neither_this_piece_nor_an_earlier_one_stays() {
    let instance = instance(&[
        (
            STAGED,
            "http { keepalive_min_timeout 5; include conf.d/*.conf; }",
        ),
        (OURS, "keepalive_min_timeout 600s;"),
        (&staged(), "keepalive_min_timeout 600s;"),
    ]);
    stage(
        &instance.system,
        instance.bundle(),
        version(&instance.system),
    )
    .unwrap();
    assert_eq!(piece(&instance), None);
    assert!(!instance.system.exists(OURS));
}

#[test]
fn a_piece_that_nginx_refuses_hides_that_of_an_earlier_deployment() {
    let instance = instance(&[(STAGED, "http {}"), (OURS, "keepalive_min_timeout 600s;")]);
    let (system, bundle) = (&instance.system, instance.bundle());
    stage(system, bundle, version(system)).unwrap();
    assert!(take_out(system, bundle).unwrap());
    assert_eq!(piece(&instance).as_deref(), Some("# ours\n"));
    assert!(!take_out(system, bundle).unwrap(), "only once");
}
