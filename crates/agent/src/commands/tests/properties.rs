//! The environment properties of a release, compared with those in EB's own file.

use flipless_settings::Settings;

use super::*;
use crate::hint;
use crate::instance::paths::{ENVIRONMENT, FLIPPED};
use crate::testing::SERVER_BIN;

/// Writes EB's own file, as EB does in the flip and before it restarts the application.
fn eb_writes(instance: &Instance, content: &str) {
    let system = &instance.system;
    system
        .write(ENVIRONMENT, content.as_bytes(), 0o600)
        .unwrap();
}

/// Makes `get-config` print these properties from now on.
fn get_config_prints(instance: &Instance, json: &str) {
    let answer = Some((true, json.into(), String::new()));
    instance.model.borrow_mut().properties = answer;
}

/// The variables that EB's file always contains, and that no release has.
const EB_S_OWN: &str = "GOPATH=/var/app/current\nPATH=/usr/bin\nPORT=5000\n";

/// Returns an instance with the property TOKEN, on which v1 is current.
fn with_token() -> Instance {
    let instance = Instance::new();
    get_config_prints(&instance, r#"{"TOKEN":"one"}"#);
    eb_writes(&instance, &format!("{EB_S_OWN}TOKEN=one\n"));
    deploy(&instance, "v1");
    instance.let_drain();
    instance
}

/// Returns the instance of [`with_token`], after EB has written a rotated secret.
pub fn rotated() -> Instance {
    let instance = with_token();
    eb_writes(&instance, &format!("{EB_S_OWN}TOKEN=\"two\"\n"));
    instance
}

fn environment_of(instance: &Instance) -> String {
    let release = state(instance).current.unwrap().release;
    let path = format!("{}/{release}/environment", layout::RELEASES);
    String::from_utf8(instance.system.read(path).unwrap().unwrap()).unwrap()
}

#[test]
fn a_property_that_only_eb_s_file_has_fails_the_flip_by_name() {
    for mode in [FrontMode::Nginx, FrontMode::Direct] {
        let instance = Instance::new();
        let mut settings = Settings::default();
        settings.front.mode = mode;
        let path = format!("{BUNDLE}/{}", layout::SETTINGS_FILE);
        let settings = settings.to_json().unwrap();
        instance
            .system
            .write(path, settings.as_bytes(), 0o644)
            .unwrap();
        deploy(&instance, "v1");
        let before = state(&instance).current;
        stage_version(&instance, "v2").unwrap();
        let staged = staged_unit(&instance);
        eb_writes(&instance, "SECRET='hunter2'\nB.x=hunter2\nOTHER=hunter2\n");
        let error = flip(&instance).unwrap_err();
        let said = format!("{error:#}");
        assert!(said.contains("deployment/env: OTHER, SECRET"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert!(hint::of(&error).unwrap().contains("deploy again"));
        let now = state(&instance);
        assert_eq!((now.current, now.staged), (before, None));
        assert!(now.failure.unwrap().reason.contains("OTHER, SECRET"));
        assert_eq!(instance.serving(), [current_unit(&instance)]);
        assert_eq!(instance.unit(&staged), "inactive");
        // systemd starts the stand-in again, and the instance is as before.
        instance.model.borrow_mut().restarts_of_web = 1;
        start_web(&instance).unwrap();
        instance.model.borrow_mut().restarts_of_web = 0;
        get_config_prints(&instance, r#"{"SECRET":"hunter2","OTHER":"hunter2"}"#);
        deploy(&instance, "v2");
    }
}

#[test]
fn variables_that_eb_adds_omits_or_writes_differently_fail_no_flip() {
    for content in [
        "HOME=/\nPATH=/\nLANG=C\nGOPATH=/\nEB_IS_COMMAND_LEADER=true\nPORT=5000\nTOKEN=one\n",
        "TOKEN=other\n",
        "",
        "TOKEN=\"\u{fffe}",
        "TOKEN=one\na.b=1\n1=2\nA B=3\n=4\n",
    ] {
        let instance = with_token();
        stage_version(&instance, "v2").unwrap();
        let staged = staged_unit(&instance);
        eb_writes(&instance, content);
        flip(&instance).unwrap();
        assert_eq!(current_unit(&instance), staged, "{content:?}");
        assert_eq!(environment_of(&instance), "TOKEN=\"one\"\n");
    }
    let instance = with_token();
    stage_version(&instance, "v2").unwrap();
    instance.system.remove(ENVIRONMENT).unwrap();
    flip(&instance).unwrap();
}

/// EB has already replaced the old application, so the bundle's server starts as on stock EB, with EB's own file.
#[test]
fn a_first_version_that_lacks_a_property_is_given_back_to_eb() {
    let instance = Instance::new();
    stage_version(&instance, "v1").unwrap();
    eb_writes(&instance, "SECRET=hunter2\n");
    let error = flip(&instance).unwrap_err();
    assert!(format!("{error:#}").contains("SECRET"), "{error:#}");
    assert_eq!(state(&instance).staged, None);
    instance.model.borrow_mut().restarts_of_web = 1;
    start_web(&instance).unwrap();
    assert!(!instance.has_drop_in("web.service"));
    assert!(!instance.system.exists(layout::ROOT));
    assert!(
        !instance
            .system
            .exists(format!("{FLIPPED}/{}", layout::MARKER))
    );
    assert_eq!(instance.unit(layout::APP_SOCKET), "inactive");
    instance.model.borrow_mut().restarts_of_web = 0;
    get_config_prints(&instance, r#"{"SECRET":"hunter2"}"#);
    deploy(&instance, "v1");
}

/// EB flips to a first version that was discarded. `commit` stages this version again, and compares its properties,
/// too.
#[test]
fn a_commit_that_stages_again_compares_too() {
    let instance = Instance::new();
    stage_version(&instance, "v1").unwrap();
    abort::abort(&instance.system).unwrap();
    instance.flip();
    instance.make_active(layout::WEB);
    eb_writes(&instance, "SECRET=hunter2\n");
    let error = commit::commit(&instance.system).unwrap_err();
    assert!(format!("{error:#}").contains("SECRET"), "{error:#}");
    let now = state(&instance);
    assert_eq!((now.current, now.staged), (None, None));
    assert!(!instance.has_drop_in("web.service"));
    let calls = instance.take_calls();
    assert_eq!(calls.last().unwrap(), "restart --no-block web.service");
}

/// The agent was killed in the flip, before it compared the properties.
#[test]
fn each_command_that_completes_a_flip_compares_too() {
    let commands: [(&str, crash_points::Act); 4] = [
        ("commit", commit::commit),
        ("abort", abort::abort),
        ("restart", restart::restart),
        ("web-started", web_started::web_started),
    ];
    for (name, command) in commands {
        let instance = deployed("v1");
        let release = state(&instance).current.unwrap().release;
        stage_version(&instance, "v2").unwrap();
        instance.flip();
        eb_writes(&instance, "SECRET=hunter2\n");
        let _ = command(&instance.system);
        let now = state(&instance);
        assert_eq!(now.staged, None, "{name}");
        assert!(now.failure.unwrap().reason.contains("SECRET"), "{name}");
        if name != "restart" {
            assert_eq!(now.current.unwrap().release, release, "{name}");
        }
    }
}

#[test]
fn a_restart_takes_a_rotated_secret() {
    let instance = rotated();
    let old = state(&instance).current.unwrap();
    start_web(&instance).unwrap();
    let new = state(&instance).current.unwrap();
    assert_ne!(new.release, old.release);
    assert_eq!(environment_of(&instance), "TOKEN=\"two\"\n");
    assert_eq!(instance.serving(), [new.unit()]);
    assert_eq!(instance.unit(&old.unit()), "deactivating");
    instance.let_drain();
    // Nothing has changed since then.
    start_web(&instance).unwrap();
    assert_eq!(state(&instance).current.unwrap().release, new.release);
    instance.let_drain();
    assert!(
        rollback::rollback(&instance.system).is_err(),
        "only one bundle"
    );
    // The same bundle with the same properties is the same release.
    get_config_prints(&instance, r#"{"TOKEN":"two"}"#);
    deploy(&instance, "v1");
    let now = state(&instance);
    assert_eq!(now.current.unwrap().release, new.release);
    assert_eq!(now.previous, None);
}

fn server_of(instance: &Instance) -> Vec<u8> {
    let release = state(instance).current.unwrap().release;
    let path = format!("{}/{release}/app/bin/{SERVER_BIN}", layout::RELEASES);
    instance.system.read(path).unwrap().unwrap()
}

/// Returns an instance on which v2 is current and v1 is the previous version, after EB has written a rotated secret.
pub fn rotated_with_two() -> Instance {
    let instance = with_token();
    deploy(&instance, "v2");
    instance.let_drain();
    eb_writes(&instance, &format!("{EB_S_OWN}TOKEN=two\n"));
    instance
}

#[test]
fn a_rotated_secret_leaves_the_bundle_to_roll_back_to() {
    let instance = rotated_with_two();
    let trial = state(&instance).trial;
    let previous = state(&instance).previous;
    for value in ["two", "three", "one", "two"] {
        eb_writes(&instance, &format!("{EB_S_OWN}TOKEN={value}\n"));
        restart::restart(&instance.system).unwrap();
        instance.let_drain();
        let now = state(&instance);
        assert_eq!((now.previous, now.trial), (previous.clone(), trial.clone()));
    }
    // The old secret may have become invalid.
    for bundle in ["v1", "v2", "v1"] {
        rollback::rollback(&instance.system).unwrap();
        instance.let_drain();
        assert_eq!(server_of(&instance), bundle.as_bytes());
        assert_eq!(environment_of(&instance), "TOKEN=\"two\"\n");
        restart::restart(&instance.system).unwrap();
        instance.let_drain();
        assert_eq!(server_of(&instance), bundle.as_bytes());
    }
}

#[test]
fn an_automatic_rollback_restores_the_properties_but_gets_the_rotated_secret() {
    let instance = with_token();
    get_config_prints(&instance, r#"{"TOKEN":"one","COLOUR":"blue"}"#);
    stage_version(&instance, "v2").unwrap();
    eb_writes(&instance, "TOKEN=two\nCOLOUR=blue\n");
    flip(&instance).unwrap();
    trial::crash_too_often(&instance);
    crate::commands::recover::recover(&instance.system).unwrap();
    assert_eq!(server_of(&instance), b"v1");
    assert_eq!(environment_of(&instance), "TOKEN=\"two\"\n");
}

/// EB's file may have a property with the name of a variable that the server's unit sets itself.
#[test]
fn a_rollback_does_not_fail_because_of_changed_properties() {
    let instance = rotated_with_two();
    eb_writes(&instance, "TOKEN=two\nFLIPLESS_RUN=x\n");
    assert!(restart::restart(&instance.system).is_err());
    rollback::rollback(&instance.system).unwrap();
    assert_eq!(server_of(&instance), b"v1");
    assert_eq!(environment_of(&instance), "TOKEN=\"one\"\n");
}

/// A hook restarts the server, as `systemctl restart web` does.
#[test]
fn a_restart_between_flip_and_commit_fails_no_deployment() {
    let instance = with_token();
    stage_version(&instance, "v2").unwrap();
    eb_writes(&instance, "TOKEN=two\n");
    flip(&instance).unwrap();
    instance.let_drain();
    start_web(&instance).unwrap();
    assert_eq!(environment_of(&instance), "TOKEN=\"two\"\n");
    commit::commit(&instance.system).unwrap();
    instance.let_drain();
    rollback::rollback(&instance.system).unwrap();
    let error = commit::commit(&instance.system).unwrap_err();
    assert!(error.to_string().contains("rolled back"), "{error}");
}

/// `stage` has read the old value, and EB's file has the new one in the flip.
#[test]
fn a_secret_that_rotates_in_a_deployment_reaches_the_server_at_the_next_restart() {
    let instance = with_token();
    stage_version(&instance, "v2").unwrap();
    eb_writes(&instance, &format!("{EB_S_OWN}TOKEN=two\n"));
    flip(&instance).unwrap();
    commit::commit(&instance.system).unwrap();
    assert_eq!(environment_of(&instance), "TOKEN=\"one\"\n");
    for value in ["two", "three", "one", "two"] {
        eb_writes(&instance, &format!("{EB_S_OWN}TOKEN={value}\n"));
        instance.let_drain();
        start_web(&instance).unwrap();
        assert_eq!(
            environment_of(&instance),
            format!("TOKEN=\"{value}\"\n"),
            "as on stock EB"
        );
    }
}

#[test]
fn a_restart_without_a_change_of_eb_s_file_keeps_the_release() {
    let instance = with_token();
    let release = || state(&instance).current.unwrap().release;
    let before = release();
    start_web(&instance).unwrap();
    assert_eq!(release(), before);
    // A failed configuration deployment has not changed EB's file.
    get_config_prints(&instance, r#"{"TOKEN":"two"}"#);
    restart::restart(&instance.system).unwrap();
    assert_eq!(release(), before);
    // If EB's file is unreadable, a restart keeps the release.
    for content in ["TOKEN=\"\u{fffe}", "A=1\0"] {
        eb_writes(&instance, content);
        restart::restart(&instance.system).unwrap();
        assert_eq!(release(), before, "{content:?}");
    }
    instance.system.remove(ENVIRONMENT).unwrap();
    restart::restart(&instance.system).unwrap();
    assert_eq!(release(), before);
}

#[test]
fn a_restart_by_hand_takes_a_rotated_secret_too_and_systemd_s_own_does_not() {
    let instance = rotated();
    let before = state(&instance).current;
    instance.model.borrow_mut().restarts_of_web = 1;
    start_web(&instance).unwrap();
    assert_eq!(state(&instance).current, before);
    restart::restart(&instance.system).unwrap();
    assert_eq!(environment_of(&instance), "TOKEN=\"two\"\n");
}

#[test]
fn a_new_secret_that_the_server_refuses_leaves_the_old_run() {
    let instance = rotated();
    let before = state(&instance).current;
    let releases = instance.system.names(layout::RELEASES).unwrap();
    instance
        .model
        .borrow_mut()
        .failing
        .push("flipless-app@".into());
    for _ in 0..2 {
        assert!(start_web(&instance).is_err());
        assert_eq!(state(&instance).current, before);
        assert_eq!(instance.serving(), [current_unit(&instance)]);
        let now = instance.system.names(layout::RELEASES).unwrap();
        assert_eq!(now, releases, "its release is removed");
    }
    instance.model.borrow_mut().failing.clear();
    start_web(&instance).unwrap();
    assert_eq!(environment_of(&instance), "TOKEN=\"two\"\n");
}

#[test]
fn a_release_that_was_rolled_back_keeps_its_properties_but_gets_a_rotated_secret() {
    let instance = with_token();
    get_config_prints(&instance, r#"{"TOKEN":"one","COLOUR":"blue"}"#);
    stage_version(&instance, "v2").unwrap();
    eb_writes(&instance, "TOKEN=one\nCOLOUR=blue\n");
    flip(&instance).unwrap();
    commit::commit(&instance.system).unwrap();
    rollback::rollback(&instance.system).unwrap();
    let back = state(&instance).current.unwrap().release;
    restart::restart(&instance.system).unwrap();
    assert_eq!(state(&instance).current.unwrap().release, back);
    eb_writes(&instance, "TOKEN=two\nCOLOUR=blue\n");
    restart::restart(&instance.system).unwrap();
    assert_eq!(environment_of(&instance), "TOKEN=\"two\"\n");
}

#[test]
fn a_lost_copy_of_eb_s_file_still_lets_a_restart_take_a_rotated_secret() {
    let instance = rotated();
    let copy = "/var/lib/flipless/environment-of-eb";
    assert!(instance.system.exists(copy));
    instance.system.write(copy, b"\xff=", 0o600).unwrap();
    restart::restart(&instance.system).unwrap();
    assert_eq!(environment_of(&instance), "TOKEN=\"two\"\n");
}

/// Returns an instance in the flip of a deployment that changes a property. EB has renamed the folder.
fn with_a_changed_property() -> Instance {
    let instance = with_token();
    get_config_prints(&instance, r#"{"TOKEN":"two"}"#);
    stage_version(&instance, "v1").unwrap();
    eb_writes(&instance, &format!("{EB_S_OWN}TOKEN=two\n"));
    instance.flip();
    instance
}

/// The deployment has changed this property, so a rollback undoes the change. A rollback keeps only the changes that EB
/// has made since the flip.
#[test]
fn a_rollback_undoes_a_changed_property_wherever_the_flip_was_interrupted() {
    for point in 0.. {
        let instance = with_a_changed_property();
        let killed = instance.kill_at(point, web_started::web_started);
        if killed.is_none() {
            assert!(point > 5, "{point} points");
            break;
        }
        commit::commit(&instance.system).unwrap();
        instance.let_drain();
        assert_eq!(environment_of(&instance), "TOKEN=\"two\"\n", "{point}");
        rollback::rollback(&instance.system).unwrap();
        assert_eq!(environment_of(&instance), "TOKEN=\"one\"\n", "{point}");
    }
}
