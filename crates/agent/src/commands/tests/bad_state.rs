//! An unusable state file: the error of every command says what to do, and no command changes anything.

use super::crash_points::COMMANDS;
use super::*;
use crate::commands::Command;
use crate::commands::{execute, status};

/// Unusable contents, each with a part of the error.
fn bad_states() -> Vec<(Vec<u8>, &'static str)> {
    let run = |release: &str, run: &str| {
        format!(
            r#"{{"version":1,"front":"nginx","next_run":3,"current":{{"release":{release:?},"run":{run:?},"since":1}},"previous":null,"staged":null}}"#
        )
        .into_bytes()
    };
    vec![
        (b"".into(), "EOF"),
        (b"{\"version\":1,\"front\":\"ngi".into(), "EOF"),
        (b"\xff\xfe\0garbage".into(), "expected value"),
        (b"[]".into(), "invalid"),
        (b"{\"version\":\"one\"}".into(), "invalid type"),
        (b"{\"version\":2,\"anything\":1}".into(), "version 2"),
        (b"{\"version\":1}".into(), "missing field"),
        (run("../../etc", "../../etc-1"), "is not a run"),
        (run("a/b", "a/b-1"), "is not a run"),
        (run("abc", "abd-1"), "is not a run"),
        (run("abc", "abc"), "is not a run"),
        (run("abc", "abc-+1"), "is not a run"),
        (run("", "-1"), "is not a run"),
        (run("abc", "abc-99999999999999999999"), "is not a run"),
    ]
}

fn assert_told(error: &anyhow::Error, part: &str, command: &str) {
    let said = format!("{error:#}");
    assert!(said.contains(part), "{command}: {said}");
    assert!(said.contains(layout::STATE), "{command}: {said}");
    assert!(said.contains("mv "), "{command}: {said}");
}

#[test]
fn every_command_says_what_to_do_and_nothing_is_stopped() {
    for (content, part) in bad_states() {
        for (name, prepare, act) in COMMANDS {
            let instance = prepare();
            let system = &instance.system;
            system.write(layout::STATE, &content, 0o600).unwrap();
            instance.take_calls();
            let serving = instance.serving();
            assert_told(&act(system).unwrap_err(), part, name);
            assert_eq!(instance.take_calls(), [""; 0], "{name}: {part}");
            assert_eq!(instance.serving(), serving, "{name}: {part}");
            let kept = system.read(layout::STATE).unwrap().unwrap();
            assert_eq!(kept, content, "{name}: it may be repaired by hand");
        }
        let instance = deployed("v1");
        let system = &instance.system;
        system.write(layout::STATE, &content, 0o600).unwrap();
        assert_told(&status::status(system, false).unwrap_err(), part, "status");
        assert_told(
            &execute(&Command::Activate, system).unwrap_err(),
            part,
            "activate",
        );
    }
}

#[test]
fn after_the_file_is_moved_away_the_next_deployment_finds_the_active_runs() {
    let instance = deployed("v1");
    let run = current_unit(&instance);
    let system = &instance.system;
    system.write(layout::STATE, b"{", 0o600).unwrap();
    system
        .rename(layout::STATE, format!("{}.bad", layout::STATE))
        .unwrap();
    stage_version(&instance, "v2").unwrap();
    assert_eq!(current_unit(&instance), run);
    flip(&instance).unwrap();
    commit::commit(&instance.system).unwrap();
    assert_eq!(instance.unit(&run), "deactivating");
    assert_eq!(instance.model.borrow().gaps, [""; 0]);
}

#[test]
fn a_folder_in_place_of_the_file_is_reported_too() {
    let instance = deployed("v1");
    let system = &instance.system;
    system.remove(layout::STATE).unwrap();
    system.make_folder(layout::STATE).unwrap();
    let error = restart::restart(system).unwrap_err();
    assert_told(&error, "Is a directory", "restart");
}

#[test]
fn a_missing_release_is_named_and_the_current_one_continues() {
    let instance = deployed("v1");
    deploy(&instance, "v2");
    instance.let_drain();
    let before = state(&instance);
    let previous = before.previous.clone().unwrap().release;
    let folder = format!("{}/{previous}", layout::RELEASES);
    instance.system.remove(&folder).unwrap();
    let error = format!("{:#}", rollback::rollback(&instance.system).unwrap_err());
    assert!(error.contains(&folder), "{error}");
    assert!(error.contains("deploy its bundle again"), "{error}");
    let after = state(&instance);
    assert_eq!(
        (after.current, after.previous),
        (before.current.clone(), before.previous)
    );
    assert_eq!(instance.serving(), [before.current.unwrap().unit()]);
    assert!(
        status::status(&instance.system, false)
            .unwrap()
            .contains(&previous)
    );
}

#[test]
fn a_run_without_a_unit_is_reported_as_inactive_and_replaced() {
    let instance = deployed("v1");
    let run = state(&instance).current.unwrap().run;
    instance.model.borrow_mut().units.clear();
    let said = status::status(&instance.system, false).unwrap();
    assert!(said.contains(&format!("{run}  inactive")), "{said}");
    deploy(&instance, "v2");
    assert_eq!(instance.serving(), [current_unit(&instance)]);
}

#[test]
fn a_change_of_the_clock_affects_only_ages() {
    for (jump, age) in [
        (-2_000_000_000_i64, "0 s"),
        (86_400 * 400, "400 d 0 h"),
        (i64::MAX, " d "),
    ] {
        let instance = deployed("v1");
        stage_version(&instance, "v2").unwrap();
        instance.model.borrow_mut().clock = jump;
        instance.model.borrow_mut().uptime = DEAD_MAN_SECONDS - 1;
        expire::expire(&instance.system).unwrap();
        assert!(
            state(&instance).staged.is_some(),
            "the deadline does not depend on the clock"
        );
        flip(&instance).unwrap();
        commit::commit(&instance.system).unwrap();
        assert!(state(&instance).trial.is_some());
        instance.model.borrow_mut().clock = 0;
        let said = status::status(&instance.system, false).unwrap();
        assert!(said.contains("active"), "{said}");
        let instance = deployed("v1");
        instance.model.borrow_mut().clock = jump;
        let said = status::status(&instance.system, false).unwrap();
        assert!(said.contains(age), "{jump}: {said}");
    }
}
