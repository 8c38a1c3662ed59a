//! Hooks, configuration files and files of macOS, as people ship them.

use super::bundle::{Zip, assert_fails, failed, warned};

const HOOK: &str = ".platform/hooks/postdeploy/00_get_certificate.sh";
const TWIN: &str = ".platform/confighooks/postdeploy/00_get_certificate.sh";

fn with(name: &str, text: &str) -> Zip {
    Zip::good().with(name, 0o755, text.as_bytes())
}

/// The warnings about a hook that is in both folders of hooks.
fn about(text: &str) -> String {
    warned(&with(HOOK, text).with(TWIN, 0o755, b"#!/bin/sh\n")).join("; ")
}

#[test]
fn what_eb_repairs_in_a_hook_is_a_warning() {
    for (mode, text, expected) in [
        (0o644, "#!/bin/sh\n", "has no exec bit"),
        (0o755, "#!/bin/sh\r\necho\r\n", "has CRLF line ends"),
    ] {
        let zip = with(TWIN, "#!/bin/sh\n").with(HOOK, mode, text.as_bytes());
        let found = warned(&zip).join("; ");
        assert!(found.contains(&format!("{HOOK} {expected}")), "{found}");
    }
    assert_eq!(about("#!/bin/sh\nprintf 'a\r'\n"), "");
}

#[test]
fn what_no_platform_repairs_in_a_hook_fails() {
    for (text, detail) in [
        ("\u{feff}#!/bin/sh\n", "byte order mark"),
        ("# notes\n", "does not begin with `#!`"),
        ("#!sh\n", "no path"),
    ] {
        let zip = with(HOOK, text).with(TWIN, 0o755, b"#!/bin/sh\n");
        assert_fails(&zip.bytes(), "hooks", detail);
    }
}

#[test]
fn a_hook_without_a_twin_is_named() {
    let found = warned(&with(HOOK, "#!/bin/sh\n")).join("; ");
    assert!(
        found.contains("does not run postdeploy/00_get_certificate.sh when only"),
        "{found}"
    );
    assert_eq!(about("#!/bin/sh\n"), "");
    let readme =
        with(".platform/hooks/README.md", "# x").with(".platform/hooks/lib/a.sh", 0o755, b"x");
    assert!(!warned(&readme).join("; ").contains("twin"));
}

#[test]
fn commands_that_flipless_changes_are_named_with_their_line() {
    let found = about("#!/bin/sh\n# certbot\nservice nginx stop\ncertbot renew\n");
    assert!(
        found.contains(&format!("{HOOK}:3 stops nginx.service")),
        "{found}"
    );
    assert!(found.contains(&format!("{HOOK}:4 runs certbot")), "{found}");
    let found = about("#!/bin/sh\nsystemctl restart nginx\nnginx -s reload\n");
    assert_eq!(found, "");
    let extension = "container_commands:\n  01_stop:\n    command: systemctl stop nginx\n";
    let found = warned(&with(".ebextensions/a.config", extension)).join("; ");
    assert!(
        found.contains(".ebextensions/a.config:3 stops nginx.service"),
        "{found}"
    );
    let found = about("#!/bin/sh\nmkdir -p /etc/systemd/system/nginx.service.d\n");
    assert!(found.contains("a drop-in for nginx.service"), "{found}");
}

/// CloudFormation refuses a rule of a group that does not exist.
#[test]
fn a_rule_of_the_security_group_that_eb_does_not_make_fails() {
    let rule = ".ebextensions/flipless-https.config";
    let option = |value: &str| {
        format!(
            "option_settings:\n  aws:autoscaling:launchconfiguration:\n    DisableDefaultEC2SecurityGroup: {value}\n"
        )
    };
    let zip = with(".ebextensions/group.config", &option("true"));
    assert_eq!(failed(&zip.bytes()), []);
    let zip = zip.with(rule, 0o644, b"Resources: {}\n");
    assert_fails(
        &zip.bytes(),
        "ebextensions",
        "`[https] security-group = false`",
    );
    let zip = with(".ebextensions/group.config", &option("false"));
    let zip = zip.with(rule, 0o644, b"Resources: {}\n");
    assert_eq!(failed(&zip.bytes()), []);
}

#[test]
fn another_proxy_than_nginx_fails_if_it_takes_effect() {
    let proxy = |value: &str| {
        format!(
            "option_settings:\n  aws:elasticbeanstalk:environment:proxy:\n    ProxyServer: {value}\n"
        )
    };
    for value in ["apache", "none"] {
        let zip = with(".ebextensions/proxy.config", &proxy(value));
        assert_fails(
            &zip.bytes(),
            "ebextensions",
            &format!("ProxyServer to `{value}`"),
        );
        let found = warned(&with(".ebextensions/10-proxy.config", &proxy(value))).join("; ");
        assert!(found.contains("which has no effect"), "{found}");
    }
    let list = "option_settings:\n  - namespace: aws:elasticbeanstalk:environment:proxy\n    option_name: ProxyServer\n    value: apache\n";
    assert_fails(
        &with(".ebextensions/x.config", list).bytes(),
        "ebextensions",
        "`apache`",
    );
    assert_eq!(
        warned(&with(".ebextensions/proxy.config", &proxy("nginx"))),
        [""; 0]
    );
    let stock = with(".ebextensions/proxy.config", &proxy("apache")).edit(
        "flipless.json",
        "\"mode\": \"nginx\"",
        "\"mode\": \"stock\"",
    );
    assert_eq!(warned(&stock), [""; 0]);
}

#[test]
fn a_byte_order_mark_in_a_configuration_file_is_a_warning() {
    let found = warned(&with(
        ".ebextensions/a.config",
        "\u{feff}option_settings: {}\n",
    ))
    .join("; ");
    assert!(
        found.contains("a.config begins with a byte order mark"),
        "{found}"
    );
}

#[test]
fn files_of_macos_fail_only_where_eb_reads_them() {
    let fork = b"\0\x05\x16\x07\0\x02\0\0Mac OS X";
    for name in [
        "__MACOSX/._Procfile",
        "public/._logo.png",
        ".platform/nginx/conf.d/._a.conf",
    ] {
        let found = warned(&Zip::good().with(name, 0o644, fork)).join("; ");
        assert!(
            found.contains(&format!("{name} is a file that macOS adds")),
            "{found}"
        );
    }
    let hook = Zip::good().with(".platform/hooks/predeploy/._a.sh", 0o755, fork);
    assert_fails(&hook.bytes(), "hooks", "a file that macOS adds");
    for name in [
        "__MACOSX/.ebextensions/._a.config",
        "__MACOSX/shop/.ebextensions/._a.config",
    ] {
        let zip = Zip::good().with(name, 0o644, fork);
        assert_fails(&zip.bytes(), "macOS files", "EB reads it");
    }
    let zip = Zip::good().with(".ebextensions/._a.config", 0o644, fork);
    assert_fails(&zip.bytes(), "ebextensions", "._a.config");
}

#[test]
fn a_parent_folder_is_found_beside_the_folder_of_macos() {
    let mut zip = Zip::good();
    for (name, ..) in &mut zip.0 {
        name.insert_str(0, "app/");
    }
    let zip = zip.with("__MACOSX/app/._Procfile", 0o644, b"x");
    assert_fails(&zip.bytes(), "layout", "everything lies in `app/`");
}
