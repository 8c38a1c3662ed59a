//! More bundles of the kinds that people deploy. The checks refuse a bundle only if an instance refuses it, too. If
//! nginx is installed, the checks also run `nginx -t`.

use super::bundle::{EXPECTED, Zip, open};
use crate::check::{Check, nginx, without_programs};

enum Comes {
    /// No check fails or warns.
    Clean,
    /// No check fails, and a warning has this text.
    Warns(&'static str),
    /// Only this check fails, and its detail has this text.
    Fails(&'static str, &'static str),
}
use Comes::{Clean, Fails, Warns};

/// Checks bundles with one more file.
fn each(name: &str, mode: u32, cases: &[(&str, Comes)]) {
    for (text, comes) in cases {
        let zip = Zip::good().without("nginx/zz-flipless-keepalive.conf");
        let zip = zip.with(name, mode, text.as_bytes());
        let bundle = open(&zip.bytes());
        let mut checks = without_programs(&bundle, EXPECTED);
        checks.push(nginx::check(&bundle));
        let failed: Vec<&Check> = checks.iter().filter(|check| check.failed()).collect();
        let warnings = checks.iter().flat_map(|check| check.warnings.clone());
        let warnings = warnings.collect::<Vec<_>>().join("; ");
        match comes {
            Clean => assert_eq!(
                (failed.as_slice(), warnings.as_str()),
                (&[][..], ""),
                "{text}"
            ),
            Warns(expected) => {
                assert!(failed.is_empty(), "{text}: {failed:#?}");
                assert!(warnings.contains(expected), "{text}: {warnings}");
            }
            Fails(name, expected) => {
                let found: Vec<_> = failed.iter().map(|check| check.name).collect();
                // nginx itself reports a misspelt directive too.
                assert!(
                    found.iter().all(|found| [*name, "nginx"].contains(found)),
                    "{text}: {failed:#?}"
                );
                let detail = failed
                    .iter()
                    .find(|check| check.name == *name)
                    .map(|check| &check.detail);
                assert!(
                    detail.is_some_and(|detail| detail.contains(expected)),
                    "{text}: {failed:#?}"
                );
            }
        }
    }
}

const SERVER: &str = ".platform/nginx/conf.d/elasticbeanstalk/10_more.conf";
const HTTP: &str = ".platform/nginx/conf.d/more.conf";

#[test]
fn files_of_the_distribution_can_be_included() {
    let names = "fastcgi_params fastcgi.conf scgi_params uwsgi_params koi-utf koi-win win-utf";
    for name in names.split(' ') {
        let text = format!("include /etc/nginx/{name};\n");
        each(
            if name.starts_with(['k', 'w']) {
                HTTP
            } else {
                SERVER
            },
            0o644,
            &[(&text, Clean)],
        );
    }
    each(
        SERVER,
        0o644,
        &[
            (
                "location /l/ { include /etc/nginx/fastcgi_params; fastcgi_pass 10.0.0.1:9000; }\n",
                Clean,
            ),
            ("include /etc/nginx/default.d/*.conf;\n", Clean),
            ("include ./fastcgi_params;\n", Clean),
            (
                "include fastcgi_parms;\n",
                Fails("nginx", "includes fastcgi_parms"),
            ),
        ],
    );
}

#[test]
fn what_eb_s_newer_nginx_knows_is_fine_on_any_machine() {
    each(
        HTTP,
        0o644,
        &[
            (
                "server { listen 8443 quic reuseport; http3 on; add_header Alt-Svc 'h3=\":443\"'; }\n",
                Clean,
            ),
            ("keepalive_min_timeout 75s;\n", Clean),
            (
                "server { listen 127.0.0.1:81; http2 on; proxy_pass_trailers on; }\n",
                Clean,
            ),
            (
                "server { listen 8445 quic; quic_retry on; quic_gso on; http3_stream_buffer_size 64k; }\n",
                Clean,
            ),
            ("ssl_object_cache_inheritable on;\n", Clean),
            ("http3_foo on;\n", Fails("nginx: directives", "`http3_foo`")),
        ],
    );
}

#[test]
fn a_misspelt_directive_fails_whatever_nginx_is_installed() {
    each(
        HTTP,
        0o644,
        &[
            (
                "client_max_body_sise 20m;\n",
                Fails("nginx: directives", "client_max_body_size"),
            ),
            (
                "gzip_tpes text/css;\n",
                Fails("nginx: directives", "gzip_types"),
            ),
            (
                "proxy_set_heder Host $host;\n",
                Fails("nginx: directives", "proxy_set_header"),
            ),
            (
                "upstraem a { server 10.0.0.1; }\n",
                Fails("nginx: directives", "upstream"),
            ),
            ("Gzip on;\n", Fails("nginx: directives", "`Gzip`")),
        ],
    );
}

#[test]
fn a_port_without_a_server_is_a_warning() {
    each(
        SERVER,
        0o644,
        &[
            (
                "location /a { proxy_pass http://127.0.0.1:8080; }\n",
                Warns("port 8080"),
            ),
            (
                "location /a { proxy_pass http://localhost:3000/; }\n",
                Warns("port 3000"),
            ),
            (
                "location /a { proxy_pass http://[::1]:8000; }\n",
                Warns("port 8000"),
            ),
            (
                "location /a { proxy_pass \"http://127.0.0.1:8081/x\"; }\n",
                Warns("port 8081"),
            ),
            (
                "location /a { proxy_pass http://127.0.0.2:8080; }\n",
                Warns("port 8080"),
            ),
            ("location /a { proxy_pass http://127.0.0.1:5000; }\n", Clean),
        ],
    );
}

#[test]
fn scripts_in_bin_and_helpers_of_hooks_are_no_findings() {
    let script = "#!/bin/sh\necho migrate\n";
    for name in [
        "bin/migrate.sh",
        "bin/tool",
        "bin/lib/common",
        "bin/README.md",
        "bin/x.py",
    ] {
        each(name, 0o755, &[(script, Clean), ("", Clean)]);
        each(
            name,
            0o644,
            &[(script, Clean), ("#!/usr/bin/env node\n", Clean)],
        );
    }
    for name in [
        "README.md",
        "lib/common.sh",
        "prebuild/lib/a.sh",
        "notes/a.txt",
        "common.sh",
    ] {
        let name = format!(".platform/hooks/{name}");
        each(
            &name,
            0o644,
            &[
                ("say() { echo; }\n", Clean),
                ("", Clean),
                ("#!/bin/sh\r\n", Clean),
            ],
        );
    }
    each(
        ".platform/hooks/prebuild/README.md",
        0o644,
        &[(
            "# x\n",
            Fails("hooks", "README.md does not begin with `#!`"),
        )],
    );
}

#[test]
fn a_procfile_that_eb_refuses_fails() {
    let web = "web: bin/flipless stand-in web\n";
    let refused = |text: String, detail| {
        each("Procfile", 0o644, &[(&text, Fails("Procfile", detail))]);
    };
    refused(format!("\u{feff}{web}"), "byte order mark");
    refused(format!("# web\n{web}"), "line 1");
    refused(format!("worker: bin/flipless x\n{web}"), "must be `web`");
    refused(format!("{web}{web}"), "again");
    refused(web.replace('\n', "\r\n"), "LF");
    refused(format!("{web}mailer = x\n"), "line 2");
    refused(
        format!("{web}mailer: ./no-such-file\n"),
        "not in the bundle",
    );
    each(
        "Procfile",
        0o644,
        &[(
            &format!("{web}\nclock:sleep 9\nlog-1: exec tail -f /dev/null\n"),
            Clean,
        )],
    );
}

#[test]
fn configuration_files_that_eb_refuses_fail() {
    let name = ".ebextensions/10-own.config";
    each(
        name,
        0o644,
        &[
            (
                "option_settings:\n\taws:x:\n",
                Fails("ebextensions", "10-own.config:2"),
            ),
            (
                "option_settings: [\n",
                Fails("ebextensions", "10-own.config"),
            ),
            ("files: {a: b\n", Fails("ebextensions", "10-own.config")),
            ("a: 'b\n", Fails("ebextensions", "10-own.config")),
            (
                "commands:\n  01:\n   command: a\n  command: b\n 02: x\n",
                Fails("ebextensions", "10-own.config"),
            ),
            ("just a text\n", Fails("ebextensions", "not a mapping")),
        ],
    );
    each(".ebextensions/notes.txt", 0o644, &[("\t\n", Clean)]);
}

#[test]
fn a_link_leads_where_it_leads_on_stock_eb() {
    each(
        "public/media",
        0o120_777,
        &[
            ("/mnt/efs", Warns("/mnt/efs")),
            ("/mnt/efs/a b/ü", Warns("/mnt/efs/a b/ü")),
            ("../../shared", Warns("/var/app/shared")),
            ("../../../../tmp", Warns("/tmp")),
            ("/var/app/current/static", Clean),
            ("../static/../x", Clean),
            (".", Clean),
        ],
    );
}
