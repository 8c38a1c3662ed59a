//! Files for nginx. These checks run no other program.

use super::bundle::{Zip, assert_fails, failed, warned};

const PIECE: &str = ".platform/nginx/conf.d/a.conf";
const LOCATION: &str = ".platform/nginx/conf.d/elasticbeanstalk/00_application.conf";

fn with(name: &str, text: &str) -> Zip {
    Zip::good().with(name, 0o644, text.as_bytes())
}

#[test]
fn a_misspelt_directive_is_named_with_its_line() {
    for (text, detail) in [
        (
            "client_max_body_sise 20m;\n",
            "conf.d/a.conf:1: `client_max_body_sise`",
        ),
        (
            "client_max_body_sise 20m;\n",
            "did you mean `client_max_body_size`?",
        ),
        (
            "gzip on; # a comment;\nserver {\n  location / { retrun 204; }\n}\n",
            "a.conf:3: `retrun`",
        ),
        (
            "map $a $b { default x; }\nlog_fromat x '{ $b; }';\n",
            "a.conf:2: `log_fromat`",
        ),
    ] {
        assert_fails(&with(PIECE, text).bytes(), "nginx: directives", detail);
    }
}

#[test]
fn every_directive_of_eb_s_nginx_is_fine() {
    for text in [
        "server { listen 443 quic reuseport; http2 on; http3 on; quic_retry on; }\n",
        "keepalive_min_timeout 10s;\n",
        "map $http_upgrade $x { default upgrade; '' ''; hostnames; ~^a{2}; y \"a;b\"; }\n",
        "types { text/html html; }\ngeo $c { default 0; 10.0.0.0/8 1; }\n",
        "location ~ \"^/[0-9]{3}$\" { add_header X \"a{b;\\\"c\" always; set $y \"${z}\"; }\n",
        "split_clients $remote_addr $v { 50% a; * b; }\n",
        "nonsense here",
        "}",
        "\\",
        "\"",
    ] {
        assert_eq!(failed(&with(PIECE, text).bytes()), [], "{text}");
    }
}

#[test]
fn with_a_module_an_unknown_directive_is_a_warning() {
    let zip = with(PIECE, "more_set_headers 'Server: x';\n");
    assert_fails(&zip.bytes(), "nginx: directives", "more_set_headers");
    for (name, text) in [
        (
            ".platform/nginx/nginx.conf",
            "load_module modules/x.so;\nhttp { include conf.d/*.conf; server { } }\n",
        ),
        (
            ".platform/hooks/prebuild/01.sh",
            "#!/bin/sh\ndnf install -y nginx-mod-http-headers-more\n",
        ),
        (
            ".ebextensions/nginx.config",
            "packages:\n  yum:\n    nginx-all-modules: []\n",
        ),
    ] {
        let found = warned(&zip.clone().with(name, 0o755, text.as_bytes())).join("; ");
        assert!(
            found.contains("a.conf:1: `more_set_headers`"),
            "{name}: {found}"
        );
    }
    let misspelt = with(PIECE, "client_max_body_sise 20m;\n").with(
        ".ebextensions/nginx.config",
        0o644,
        b"packages:\n  yum:\n    nginx-mod-stream: []\n",
    );
    assert_fails(
        &misspelt.bytes(),
        "nginx: directives",
        "did you mean `client_max_body_size`?",
    );
    let image = with(PIECE, "location /i { image_filter resize 10 10; }\n");
    let found = warned(&image).join("; ");
    assert!(
        found.contains("`image_filter` needs nginx-mod-http-image-filter"),
        "{found}"
    );
}

#[test]
fn a_file_that_nginx_does_not_read_is_not_checked() {
    for name in [
        "conf.d/a.conf.bak",
        "conf.d/old/a.conf",
        "notes/a.conf",
        "conf.d/.a.conf",
    ] {
        let zip = with(
            &format!(".platform/nginx/{name}"),
            "client_max_body_sise 20m;\n",
        );
        assert_eq!(warned(&zip), [""; 0], "{name}");
    }
    let zip = with(".platform/nginx/notes/a.inc", "client_max_body_sise 20m;\n").with(
        PIECE,
        0o644,
        b"include /etc/nginx/notes/*.inc;\n",
    );
    assert_fails(&zip.bytes(), "nginx: directives", "notes/a.inc:1");
}

#[test]
fn a_byte_order_mark_is_named() {
    let zip = with(PIECE, "\u{feff}gzip on;\n");
    assert_fails(
        &zip.bytes(),
        "nginx: directives",
        "a.conf:1: the file begins with a byte order mark",
    );
}

#[test]
fn the_public_port_needs_a_listener() {
    let conf = ".platform/nginx/nginx.conf";
    for (server, expected) in [
        (
            "listen 8080;",
            "nginx listens on port 8080, but not on the public port 80",
        ),
        ("listen 127.0.0.1:80;", "not on the public port 80"),
        ("listen 80;", ""),
        ("listen [::]:80 ipv6only=off;", ""),
        ("server_name x;", ""),
        ("", ""),
        ("listen 443 ssl; listen 80;", ""),
    ] {
        let text = format!("events {{ }}\nhttp {{ server {{ {server} }} }}\n");
        let found = warned(&with(conf, &text)).join("; ");
        assert!(found.contains(expected), "{server}: {found}");
        assert_eq!(found.is_empty(), expected.is_empty(), "{server}: {found}");
    }
    let found = warned(&with(conf, "events { }\n")).join("; ");
    assert!(found.contains("nginx listens on no port"), "{found}");
    let elsewhere = Zip::good().edit("flipless.json", "\"port\": 80\n", "\"port\": 8080\n");
    let found = warned(&elsewhere).join("; ");
    assert!(found.contains("not on the public port 8080"), "{found}");
}

#[test]
fn answers_that_outlast_a_drain_are_warned_about() {
    for (value, expected) in [("24h", true), ("31s", true), ("30", false), ("$x", false)] {
        let zip = with(
            LOCATION,
            &format!("location / {{ proxy_read_timeout {value}; }}"),
        );
        let found = warned(&zip).join("; ");
        assert_eq!(
            found.contains("00_application.conf:1: `proxy_read_timeout"),
            expected,
            "{found}"
        );
    }
}

#[test]
fn direct_mode_reads_no_file_for_nginx() {
    let zip = with(PIECE, "gzip on;\n").edit(
        "flipless.json",
        "\"mode\": \"nginx\"",
        "\"mode\": \"direct\"",
    );
    let found = warned(&zip).join("; ");
    assert!(
        found.contains(".platform/nginx/conf.d/a.conf is not read"),
        "{found}"
    );
}

#[test]
fn requests_to_another_port_than_the_server_s_are_warned_of() {
    for (text, expected) in [
        (
            "location / { proxy_pass http://127.0.0.1:8080; }",
            Some("port 8080"),
        ),
        (
            "location / { proxy_pass http://localhost:8080/a; }",
            Some("port 8080"),
        ),
        (
            "location / { proxy_pass http://localhost; }",
            Some("port 80,"),
        ),
        (
            "location / {\n proxy_pass http://[::1]:3000;\n}",
            Some("00_application.conf:2"),
        ),
        (
            "upstream a { server 127.0.0.1:8080 max_fails=0; }",
            Some("port 8080"),
        ),
        ("upstream a { server 127.0.0.1:5000; keepalive 8; }", None),
        ("location / { proxy_pass http://127.0.0.1:5000; }", None),
        ("location / { proxy_pass http://127.0.0.1:$port; }", None),
        ("location / { proxy_pass http://backend; }", None),
        ("location / { proxy_pass http://10.0.0.1:8080; }", None),
        ("location / { proxy_pass http://unix:/run/x; }", None),
        (
            "server { listen 127.0.0.1:8081; } server { location / { proxy_pass http://127.0.0.1:8081; } }",
            None,
        ),
    ] {
        let found = warned(&with(LOCATION, text)).join("; ");
        match expected {
            Some(part) => assert!(
                found.contains(part) && found.contains("5000"),
                "{text}: {found}"
            ),
            None => assert_eq!(found, "", "{text}"),
        }
    }
}
