//! Tests of the checks that run other programs. `cargo xtask test` installs these programs, or skips the tests.

use std::os::unix::fs::PermissionsExt;

use super::bundle::{Zip, open};
use crate::check::{Check, nginx, units};

const GATE: &str = "systemd/flipless-gate.service";
const FRONT: &str = "systemd/flipless-front.service";
const NGINX: &str = "systemd/nginx.service.d/zz-flipless.conf";
const WEB: &str = "systemd/web.service.d/zz-flipless.conf";

/// The failed checks of systemd, with their details. Asserts that no check was skipped.
fn by_systemd(zip: &Zip) -> Vec<(&'static str, String)> {
    let bundle = open(&zip.bytes());
    let checks = units::by_systemd(&bundle, &units::read(&bundle));
    assert!(checks.iter().all(|check| check.ok.is_some()), "{checks:#?}");
    let failed = checks.into_iter().filter(Check::failed);
    failed.map(|check| (check.name, check.detail)).collect()
}

#[test]
fn systemd_accepts_the_rendered_units() {
    assert_eq!(by_systemd(&Zip::good()), []);
}

#[test]
fn systemd_names_settings_that_it_would_ignore_or_refuse() {
    for (file, from, to, detail) in [
        (
            GATE,
            "NonBlocking=true",
            "NonBlockin=true",
            "systemd/flipless-gate.service:",
        ),
        (GATE, "NonBlocking=true", "NonBlockin=true", "Unknown key"),
        (GATE, "RestartSec=1", "RestartSec=soon", "Failed to parse"),
        (GATE, "ExecStart=", "ExecStarts=", "no ExecStart="),
        (
            NGINX,
            "KillMode=mixed",
            "KillModes=mixed",
            "zz-flipless.conf:",
        ),
        (
            FRONT,
            "SystemCallFilter=@",
            "SystemCallFilter=@x",
            "system call",
        ),
    ] {
        let found = by_systemd(&Zip::good().edit(file, from, to));
        assert_eq!(found[0].0, "units: systemd", "{found:?}");
        assert!(found[0].1.contains(detail), "{detail}: {found:?}");
    }
}

#[test]
fn a_missing_line_of_the_sandbox_is_found() {
    let app = "systemd/flipless-app@.service";
    for (file, line, detail) in [
        (
            app,
            "RestrictNamespaces=true",
            "flipless-app@check.service has exposure",
        ),
        (
            FRONT,
            "RestrictNamespaces=true",
            "flipless-front.service has exposure",
        ),
        (
            NGINX,
            "CapabilityBoundingSet=\n",
            "nginx.service has exposure",
        ),
        (WEB, "CapabilityBoundingSet=\n", "web.service has exposure"),
    ] {
        let mut zip = Zip::good().edit(file, line, "");
        if file == app {
            zip = zip.edit(app, "PrivateUsers=true", "");
        }
        let found = by_systemd(&zip);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, "units: sandbox");
        assert!(found[0].1.contains(detail), "{detail}: {found:?}");
    }
}

/// Runs the check for a bundle without the agent's keepalive file. This machine's nginx may be too old for that file.
fn by_nginx(name: &str, text: &str) -> Check {
    let zip = Zip::good().without("nginx/zz-flipless-keepalive.conf");
    nginx::check(&open(&zip.with(name, 0o644, text.as_bytes()).bytes()))
}

#[test]
fn nginx_accepts_files_in_their_places() {
    for (name, text) in [
        (
            ".platform/nginx/conf.d/a.conf",
            "client_max_body_size 20M;\n",
        ),
        (
            ".platform/nginx/conf.d/elasticbeanstalk/a.conf",
            "location /static { alias /var/app/current/public; }\n",
        ),
        (
            ".platform/nginx/conf.d/b.conf",
            "server { listen 127.0.0.1:444; }\n",
        ),
        (
            ".platform/nginx/conf.d/elasticbeanstalk/a.conf",
            "location /a { include /etc/nginx/fastcgi_params; fastcgi_pass 127.0.0.1:9000; }\n\
             location /b { include fastcgi.conf; include scgi_params; include uwsgi_params; }\n",
        ),
        (
            ".platform/nginx/conf.d/charset.conf",
            "include koi-win; include koi-utf; include win-utf;\n",
        ),
        (
            ".platform/nginx/conf.d/elasticbeanstalk/00_application.conf",
            "location / { return 204; }",
        ),
        (
            ".platform/nginx/nginx.conf",
            "user nginx;\npid /var/run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\n\
             http { include /etc/nginx/mime.types; include conf.d/*.conf;\n\
             map $http_upgrade $connection_upgrade { default upgrade; }\n\
             server { listen 80; include conf.d/elasticbeanstalk/*.conf; } }\n",
        ),
    ] {
        let check = by_nginx(name, text);
        assert_eq!(check.ok, Some(true), "{name}: {check:?}");
    }
}

/// The agent adds these files on the instance.
#[test]
fn nginx_tests_the_pieces_of_https_with_the_files_of_the_bundle() {
    let with = |name: &str, text: &str| {
        let settings = br#"{"https": {"domains": ["shop.example.com"]}}"#;
        let zip = Zip::good().without("nginx/zz-flipless-keepalive.conf");
        let zip = zip.without("flipless.json");
        let zip = zip.with("flipless.json", 0o644, settings);
        nginx::check(&open(&zip.with(name, 0o644, text.as_bytes()).bytes()))
    };
    let location = ".platform/nginx/conf.d/elasticbeanstalk/a.conf";
    let fine = with(location, "location /static { root /srv; }\n");
    assert!(!fine.failed(), "{}", fine.detail);
    for (name, text, said) in [
        (
            location,
            "location ^~ /.well-known/acme-challenge/ { root /srv; }\n",
            "duplicate location",
        ),
        (
            ".platform/nginx/conf.d/a.conf",
            "server { listen 443 default_server; }\n",
            "duplicate default server",
        ),
    ] {
        let refused = with(name, text);
        assert!(
            refused.failed() && refused.detail.contains(said),
            "{}",
            refused.detail
        );
    }
}

#[test]
fn nginx_names_the_file_and_the_line() {
    for (name, text, detail) in [
        (
            ".platform/nginx/conf.d/a.conf",
            "client_max_body_size 20M\n",
            "conf.d/a.conf:",
        ),
        (
            ".platform/nginx/conf.d/a.conf",
            "\nlocation / {}\n",
            "\"location\" directive is not allowed",
        ),
        (
            ".platform/nginx/conf.d/elasticbeanstalk/a.conf",
            "location / {}\n",
            "duplicate location \"/\"",
        ),
        (
            ".platform/nginx/conf.d/a.conf",
            "include conf.d/not-there.x;\n",
            "includes conf.d/not-there.x",
        ),
        (
            ".platform/nginx/conf.d/a.conf",
            "include /etc/nginx/conf.d/not-there.conf;\n",
            "includes conf.d/not-there.conf, which is not in the bundle",
        ),
        (
            ".platform/nginx/nginx.conf",
            "http {\n",
            "unexpected end of file",
        ),
    ] {
        let check = by_nginx(name, text);
        assert!(
            check.failed() && check.detail.contains(detail),
            "{name}: {check:?}"
        );
    }
}

#[test]
fn a_file_that_needs_the_instance_is_not_checked_here() {
    let certificate = "server { listen 444 ssl; ssl_certificate /etc/pki/x.crt; \
                       ssl_certificate_key /etc/pki/x.key; }\n";
    let check = by_nginx(".platform/nginx/conf.d/https.conf", certificate);
    assert_eq!(check.ok, None, "{check:?}");
    assert!(check.detail.starts_with("not checked: "), "{check:?}");
}

/// A hook or a file in `.ebextensions` may write the included file. nginx still tests the other lines.
#[test]
fn a_file_that_a_hook_may_write_is_a_warning() {
    let piece = ".platform/nginx/conf.d/a.conf";
    let with = |text: &str| {
        let zip = Zip::good().without("nginx/zz-flipless-keepalive.conf");
        let zip = zip.with(".platform/hooks/prebuild/01.sh", 0o755, b"#!/bin/sh\n");
        nginx::check(&open(&zip.with(piece, 0o644, text.as_bytes()).bytes()))
    };
    let check = with("include /etc/nginx/blocked/all.conf; include conf.d/b.x;\n");
    assert_eq!(
        (check.ok, check.warnings.len()),
        (Some(true), 2),
        "{check:?}"
    );
    assert!(
        check.warnings[0].contains("includes blocked/all.conf"),
        "{check:?}"
    );
    let check = with("include conf.d/b.x;\ngzip maybe;\n");
    assert!(
        check.failed() && check.detail.contains("a.conf:2"),
        "{check:?}"
    );
}

/// Many bundles have their own folder `nginx`, for example to configure a container.
#[test]
fn other_files_in_the_folder_of_the_agent_s_files_are_ignored() {
    for name in ["nginx/default.conf", "nginx/conf.d/a.conf"] {
        let check = by_nginx(name, "no configuration\n");
        assert_eq!(check.ok, Some(true), "{name}: {check:?}");
    }
}

#[test]
fn large_lists_are_checked() {
    let mut list = String::from("geo $blocked { default 0;\n");
    for index in 0..300_000 {
        let [_, b, c, d] = u32::to_be_bytes(index);
        list += &format!("10.{b}.{c}.{d}/32 1;\n");
    }
    let name = ".platform/nginx/conf.d/blocked.conf";
    let check = by_nginx(name, &format!("{list}}}\n"));
    assert_eq!(check.ok, Some(true), "{check:?}");
    let check = by_nginx(name, &format!("{list}}}\nserver {{ listen x:y; }}\n"));
    assert!(
        check.failed() && check.detail.contains("blocked.conf:300003"),
        "{check:?}"
    );
}

/// Debian's nginx may be older than EB's nginx, or lack some of its modules.
#[test]
fn another_nginx_does_not_refuse_what_eb_s_nginx_knows() {
    let quic = "server { listen 444 quic; listen 444 ssl; http2 on; }\n";
    let check = by_nginx(".platform/nginx/conf.d/h3.conf", quic);
    assert!(!check.failed(), "{check:?}");
}

#[test]
fn a_bundle_without_nginx_files_passes() {
    let mut zip = Zip::good();
    zip.0.retain(|(name, ..)| !name.starts_with("nginx/"));
    let check = nginx::check(&open(&zip.bytes()));
    assert_eq!(check.ok, Some(true), "{check:?}");
    assert_eq!(check.detail, "no nginx files in the bundle");
}

#[test]
fn the_agent_s_upstream_is_tested() {
    let zip = Zip::good().without("nginx/zz-flipless-keepalive.conf");
    assert_eq!(nginx::check(&open(&zip.bytes())).ok, Some(true));
    let broken = zip.edit(
        "nginx/zz-flipless-upstream.conf",
        "max_fails=0;",
        "max_fails=x;",
    );
    let check = nginx::check(&open(&broken.bytes()));
    assert!(
        check.detail.contains("conf.d/zz-flipless-upstream.conf:"),
        "{check:?}"
    );
}

#[test]
fn without_the_programs_the_checks_are_skipped() {
    let bundle = open(&Zip::good().bytes());
    let mut checks = units::by_analyzer(None, &bundle, &units::read(&bundle));
    checks.push(nginx::check_by(None, &bundle));
    let details: Vec<_> = checks.iter().map(|check| check.detail.as_str()).collect();
    assert!(
        checks
            .iter()
            .all(|check| check.ok.is_none() && check.hint.is_some())
    );
    let no_systemd = "not checked: systemd-analyze is not installed";
    assert_eq!(
        details,
        [
            no_systemd,
            no_systemd,
            "not checked: nginx is not installed"
        ]
    );
}

/// Returns a fake program and its folder. The check runs programs as the user `nobody`, if root runs the test.
fn fake(script: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program");
    std::fs::write(&path, script).unwrap();
    for path in [folder.path(), &path] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    (folder, path)
}

#[test]
fn the_agent_s_keepalive_file_is_tested_only_by_an_nginx_that_knows_it() {
    let script = |version: &str| {
        format!(
            "#!/bin/sh\n[ \"$1\" = -v ] && exec echo nginx version: nginx/{version}\n\
             [ -f conf.d/zz-flipless-keepalive.conf ] && exec echo 'nginx: [emerg] it is there'\n\
             echo syntax is ok\n"
        )
    };
    let bundle = open(&Zip::good().bytes());
    let (_old_folder, old) = fake(&script("1.27.3"));
    let check = nginx::check_by(Some(&old), &bundle);
    assert_eq!(check.ok, None, "{check:?}");
    assert!(check.detail.contains("needs nginx 1.27.4"), "{check:?}");
    let (_folder, new) = fake(&script("1.28.0"));
    let check = nginx::check_by(Some(&new), &bundle);
    assert!(
        check.failed() && check.detail.contains("it is there"),
        "{check:?}"
    );
    let own = "server {\n  keepalive_min_timeout\n    5s;\n}\n";
    let bundle = open(
        &Zip::good()
            .with(".platform/nginx/conf.d/own.conf", 0o644, own.as_bytes())
            .bytes(),
    );
    let check = nginx::check_by(Some(&new), &bundle);
    assert_eq!(check.ok, Some(true), "the agent leaves it out: {check:?}");
}

#[test]
fn an_older_systemd_is_named() {
    let (_folder, old) = fake("#!/bin/sh\necho 'systemd 249 (249.1)'\n");
    let bundle = open(&Zip::good().bytes());
    let checks = units::by_analyzer(Some(old), &bundle, &units::read(&bundle));
    let expected = "not checked: this is systemd 249, but the check needs 250";
    assert!(
        checks.iter().all(|check| check.detail == expected),
        "{checks:?}"
    );
}
