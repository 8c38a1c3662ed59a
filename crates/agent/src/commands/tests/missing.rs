//! Something that the platform should have brought is not there: it is named, and nothing is lost.

use super::*;
use crate::instance::paths::GET_CONFIG;

/// Without `program`, a deployment fails with these parts of a message, and the old version serves on.
fn assert_named(program: &str, prepare: impl Fn(&Instance), parts: &[&str]) {
    let instance = deployed("v1");
    let current = current_unit(&instance);
    prepare(&instance);
    instance.model.borrow_mut().missing.push(program.into());
    let error = format!("{:#}", stage_version(&instance, "v2").unwrap_err());
    for part in parts {
        assert!(error.contains(part), "{program}: {error}");
    }
    assert_eq!(instance.serving(), [current]);
    assert_eq!(instance.take_calls(), [""; 0], "{program}");
    instance.model.borrow_mut().missing.clear();
    stage_version(&instance, "v2").unwrap();
    commit::commit(&instance.system).unwrap();
}

#[test]
fn a_missing_program_is_named() {
    let nothing = |_: &Instance| {};
    assert_named("systemctl", nothing, &["systemctl", "needs systemd"]);
    assert_named(GET_CONFIG, nothing, &["cannot run", GET_CONFIG]);
    let proxy = |instance: &Instance| {
        let system = &instance.system;
        let conf = format!("{PROXY_STAGING}/nginx.conf");
        system.write(conf, b"events {}", 0o644).unwrap();
        let setting = format!("{BUNDLE}/nginx/zz-flipless-keepalive.conf");
        system.write(setting, b"x", 0o644).unwrap();
    };
    assert_named(
        "/usr/sbin/nginx",
        proxy,
        &["/usr/sbin/nginx", "EB's platform"],
    );
}

#[test]
fn a_missing_user_is_named_before_anything_starts() {
    let instance = deployed("v1");
    let current = current_unit(&instance);
    let system = &instance.system;
    for users in [&b"root:x:0:0::/root:/bin/sh\nwebapps:x:1:1::/:\n"[..], b""] {
        system.write("/etc/passwd", users, 0o644).unwrap();
        let error = stage_version(&instance, "v2").unwrap_err().to_string();
        assert!(error.contains("no user `webapp`"), "{error}");
        assert!(error.contains("useradd"), "{error}");
        assert_eq!(instance.take_calls(), [""; 0]);
        assert_eq!(instance.serving(), std::slice::from_ref(&current));
    }
}

#[test]
fn get_config_that_fails_or_answers_garbage_fails_the_deployment_and_tells_no_value() {
    let huge = [b"{\"A\":\"", &vec![b'x'; 64 << 20][..], b"\"}"].concat();
    for (success, answer, part) in [
        (false, &b""[..], "no such key"),
        (true, b"", "line 1, column 0 of 0 bytes"),
        (true, b"\"hunter2\"", "not a JSON object"),
        (true, b"{\"A\":\"hunter2", "not a JSON object"),
        (true, b"[\"hunter2\"]", "not a JSON object"),
        (true, b"{\"A\":\"hunter2\xff\"}", "not a JSON object"),
        (true, b"{\"A=B\":\"hunter2\"}", "\"A=B\" has a name"),
        (
            true,
            b"{\"A\":\"hunter2\\u0000\"}",
            "property A has a control character",
        ),
        (true, &huge, "property A has 67108864 bytes"),
    ] {
        let instance = deployed("v1");
        let current = current_unit(&instance);
        instance.model.borrow_mut().properties =
            Some((success, answer.to_vec(), "no such key".into()));
        let error = format!("{:#}", stage_version(&instance, "v2").unwrap_err());
        assert!(error.contains(part), "{part}: {error}");
        assert!(
            !error.contains("hunter2") && !error.contains("xxxx"),
            "{error}"
        );
        let noted = state(&instance).failure.unwrap().reason;
        assert!(!noted.contains("hunter2"), "{noted}");
        assert_eq!(instance.serving(), [current]);
        assert_eq!(instance.take_calls(), [""; 0]);
    }
}
