//! A part of the platform is missing. The error names this part, and the old version continues to serve.

use super::*;
use crate::instance::paths::GET_CONFIG;

/// Checks that a deployment without `program` fails, that the message has these parts, and that the old version
/// continues to serve.
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
    deploy(&instance, "v2");
}

#[test]
fn a_missing_program_is_named() {
    let nothing = |_: &Instance| {};
    assert_named("systemctl", nothing, &["systemctl", "needs systemd"]);
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
fn an_instance_without_user_namespaces_is_named_before_anything_starts() {
    let limit = "/proc/sys/user/max_user_namespaces";
    let ways = [
        (limit, "0\n", "user.max_user_namespaces is 0"),
        ("/proc/self/ns/mnt", "", "CONFIG_USER_NS"),
    ];
    for (path, content, reason) in ways {
        let instance = deployed("v1");
        let current = current_unit(&instance);
        let system = &instance.system;
        system.write(path, content.as_bytes(), 0o644).unwrap();
        let error = stage_version(&instance, "v2").unwrap_err();
        let report = crate::report::describe(&error);
        assert!(report.contains("forbids user namespaces"), "{report}");
        assert!(report.contains(reason), "{report}");
        assert!(report.contains("hint: allow user namespaces"), "{report}");
        assert_eq!(instance.take_calls(), [""; 0]);
        assert_eq!(instance.serving(), [current]);
    }
    let instance = deployed("v1");
    instance.system.write(limit, b"96365\n", 0o644).unwrap();
    stage_version(&instance, "v2").unwrap();
}

/// Returns the hint of a failed start whose journal has this line.
fn hint_after(line: &str, restricted: bool) -> String {
    let instance = deployed("v1");
    let mut model = instance.model.borrow_mut();
    model.failing = vec!["flipless-app@".into()];
    model.journal = Some(line.into());
    (model.forbids_code, model.own_user) = (restricted, restricted);
    drop(model);
    let error = stage_version(&instance, "v2").unwrap_err();
    let report = crate::report::describe(&error);
    let hint = report.split_once("hint: ").expect(&report).1;
    hint.to_owned()
}

#[test]
fn a_start_that_its_sandbox_prevents_names_the_setting() {
    let failed = "PANIC: unprotected error (runtime code generation failed, restricted kernel?)";
    assert!(hint_after(failed, true).contains("jit = true"));
    assert!(
        hint_after(failed, false).contains("journalctl"),
        "jit is already true"
    );
    assert!(hint_after("panicked at line 1", true).contains("journalctl"));
    let failed = "open /srv/key.pem: Permission denied";
    assert!(hint_after(failed, true).contains("own-user = false"));
    assert!(
        hint_after(failed, false).contains("journalctl"),
        "own-user is already false"
    );
    let failed = "Failed to set up user namespacing: No space left on device";
    assert!(hint_after(failed, true).contains("user.max_user_namespaces"));
}

#[test]
fn without_get_config_the_hook_s_own_environment_is_used_and_no_value_is_printed() {
    for (success, answer) in [
        (false, &b""[..]),
        (true, b""),
        (true, b"\"hunter2\""),
        (true, b"{\"A\":\"hunter2"),
        (true, b"[\"hunter2\"]"),
        (true, b"{\"A\":\"hunter2\xff\"}"),
        // Only this property is left out.
        (true, b"{\"A=B\":\"hunter2\"}"),
    ] {
        let instance = deployed("v1");
        instance.model.borrow_mut().properties =
            Some((success, answer.to_vec(), "no such key".into()));
        stage_version(&instance, "v2").unwrap();
        assert!(state(&instance).failure.is_none());
    }
    let instance = deployed("v1");
    instance.model.borrow_mut().missing.push(GET_CONFIG.into());
    stage_version(&instance, "v2").unwrap();
}

#[test]
fn a_value_that_systemd_or_the_kernel_refuses_fails_the_deployment_and_is_not_printed() {
    let huge = [b"{\"A\":\"", &vec![b'x'; 64 << 20][..], b"\"}"].concat();
    for (answer, part) in [
        (
            &b"{\"A\":\"hunter2\\u0000\"}"[..],
            "property A contains NUL",
        ),
        (&huge, "property A has 67108864 bytes"),
    ] {
        let instance = deployed("v1");
        let current = current_unit(&instance);
        instance.model.borrow_mut().properties = Some((true, answer.to_vec(), String::new()));
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

/// systemd itself would start the server without the missing folder.
#[test]
fn a_missing_writable_folder_is_named_with_its_setting_before_anything_is_touched() {
    let instance = deployed("v1");
    let system = &instance.system;
    let current = current_unit(&instance);
    let mut settings = flipless_settings::Settings::default();
    settings.server.writable_paths = vec!["/srv/data".into()];
    settings.server.own_user = false;
    let settings = settings.to_json().unwrap();
    let path = format!("{BUNDLE}/{}", layout::SETTINGS_FILE);
    system.write(path, settings.as_bytes(), 0o644).unwrap();
    instance.new_version("v2");
    // These files may change: the state records the failure for `status`, and the lock names the command.
    let differ = [layout::STATE, "/run/flipless/lock"];
    let differ = differ.map(|path| system.locate(path).display().to_string());
    let files = || {
        let mut files = instance.files();
        files.retain(|path, _| !differ.contains(path));
        files
    };
    let before = files();
    let error = stage::stage(system, instance.bundle()).unwrap_err();
    let said = crate::report::describe(&error);
    for part in [
        "/srv/data",
        "[server] writable-paths",
        "hint: create the folder",
        "mkdir",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(files() == before, "a file was changed");
    assert_eq!(instance.take_calls(), [""; 0]);
    assert_eq!(instance.serving(), [current]);
    system.make_folder("/srv/data").unwrap();
    deploy(&instance, "v2");
}
