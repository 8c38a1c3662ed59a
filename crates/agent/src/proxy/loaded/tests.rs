#![allow(clippy::unwrap_used)]

use super::*;
use crate::testing::Instance;

/// Returns whether a change of the file `changed` is found, if a file with the text `own` is in conf.d.
fn is_a_change(own: &str, changed: &str) -> bool {
    let instance = Instance::new();
    let system = &instance.system;
    let put = |path: &str, text: &str| system.write(path, text.as_bytes(), 0o644).unwrap();
    put(
        "/etc/nginx/nginx.conf",
        "http {\n  include conf.d/*.conf;\n}\n",
    );
    put("/etc/nginx/conf.d/own.conf", own);
    put("/etc/nginx/tls/ca.pem", "one");
    put("/etc/live/nested.conf", "ssl_certificate nested.pem;\n");
    put(changed, "one");
    for (target, link) in [
        ("../../live/b.pem", "/etc/nginx/tls/b.pem"),
        ("../../live/linked.conf", "/etc/nginx/conf.d/linked.conf"),
        ("../live/nested.pem", "/etc/nginx/nested.pem"),
    ] {
        system.link(Path::new(target), link).unwrap();
    }
    let view = View::own(system);
    let read = || Configuration::in_force(&view);
    note(system, &digest(&view, &read()).unwrap()).unwrap();
    assert!(is_current(&view, &read()).unwrap());
    put(changed, "two");
    let is_change = !is_current(&view, &read()).unwrap();
    put(changed, "one");
    assert!(is_current(&view, &read()).unwrap());
    is_change
}

#[test]
fn a_change_in_another_folder_or_behind_a_link_is_found() {
    for (own, changed) in [
        ("ssl_certificate /etc/live/a.pem;\n", "/etc/live/a.pem"),
        ("ssl_certificate_key tls/b.pem;\n", "/etc/live/b.pem"),
        // Only a wildcard names this file.
        ("", "/etc/live/linked.conf"),
        ("include /etc/live/more/*.conf;\n", "/etc/live/more/a.conf"),
        ("include /etc/live/*/a.conf;\n", "/etc/live/more/a.conf"),
        ("include /etc/live/nested.conf;\n", "/etc/live/nested.pem"),
    ] {
        assert!(is_a_change(own, changed), "{own}: {changed}");
    }
}

#[test]
fn a_file_is_named_however_its_directive_is_written() {
    let file = "/etc/live/a.pem";
    for own in [
        "server { ssl_certificate /etc/live/a.pem; }",
        "ssl_certificate\n    /etc/live/a.pem\n;",
        "ssl_certificate '/etc/live/a.pem'; # own",
        "tcp_nopush on; ssl_certificate \"/etc/live/a.pem\";",
        "if ($a) { b; } ssl_dhparam /etc/live/a.pem;",
        "geo $a {\n  include /etc/live/a.pem;\n}",
        "geoip_country /etc/live/a.pem;",
        "geoip2 /etc/live/a.pem { auto_reload 5m; }",
        "js_import own from /etc/live/a.pem;",
        "proxy_ssl_trusted_certificate /etc/live/a.pem;",
        "perl_require /etc/live/a.pem;",
    ] {
        assert!(is_a_change(own, file), "{own}");
    }
    let spaced = "/etc/live/a b;.pem";
    assert!(is_a_change("ssl_crl \"/etc/live/a b;.pem\";", spaced));
    assert!(is_a_change("ssl_crl /etc/live/a\\ b\\;.pem;", spaced));
}

#[test]
fn a_change_of_a_file_that_nginx_does_not_load_is_ignored() {
    let file = "/etc/live/a.pem";
    for own in [
        "ssl_certificate /missing;",
        "# ssl_certificate /etc/live/a.pem;",
        "ssl_certificate $name.pem;",
        "access_log /etc/live/a.pem;",
        "error_log\n/etc/live/a.pem warn;",
        "auth_basic_user_file /etc/live/a.pem;",
        "location = /a { alias /etc/live/a.pem; }",
        // An include that includes itself ends.
        "include conf.d/own.conf;",
        // A folder, and a device whose content does not end.
        "ssl_certificate /etc/live; ssl_certificate_key /dev/zero;",
    ] {
        assert!(!is_a_change(own, file), "{own}");
    }
}

/// A drop-in of the front may bind another file to a path.
#[test]
fn a_file_counts_as_nginx_sees_it() {
    let instance = Instance::new();
    let system = &instance.system;
    let put = |path: &str, text: &str| system.write(path, text.as_bytes(), 0o644).unwrap();
    for root in ["", "/proc/77/root"] {
        let text = "include /tmp/*.conf; ssl_certificate /srv/a.pem;";
        put(&format!("{root}/etc/nginx/nginx.conf"), text);
        put(&format!("{root}/srv/a.pem"), "one");
    }
    let view = View::of(system, 77);
    let is_loaded = || is_current(&view, &Configuration::in_force(&view)).unwrap();
    let now = digest(&view, &Configuration::in_force(&view)).unwrap();
    note(system, &now).unwrap();
    put("/srv/a.pem", "two");
    put("/tmp/a.conf", "proxy_pass http://api.example.com;");
    assert!(is_loaded(), "nginx does not see these");
    put("/proc/77/root/srv/a.pem", "two");
    assert!(!is_loaded());
}
