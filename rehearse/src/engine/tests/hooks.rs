//! The bundle's hooks: their order, folder and environment, and the effects of a failed hook.

use std::fs;

use super::super::*;
use super::fake::{Fake, bundle, created, engine};
use super::flip_of;

#[test]
fn hooks_run_in_order_with_their_folder_and_environment() {
    let mut engine = engine(Fake::new(), variants::STANDARD);
    let properties = Properties::from([("GREETING".to_owned(), "hi".to_owned())]);
    engine
        .create_environment(bundle().path(), properties)
        .outcome
        .unwrap();
    let ran = engine.instance.ran.borrow();
    let hooks: Vec<_> = ran
        .iter()
        .filter(|c| c.words[0].starts_with(".platform"))
        .collect();
    let seen: Vec<_> = hooks
        .iter()
        .map(|c| (c.words[0].as_str(), c.folder.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (".platform/hooks/predeploy/10-a.sh", "/var/app/staging"),
            (".platform/hooks/predeploy/20-b.sh", "/var/app/staging"),
            (".platform/hooks/postdeploy/c.sh", "/var/app/current"),
        ]
    );
    let names: Vec<_> = hooks[0]
        .environment
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names,
        ["EB_IS_COMMAND_LEADER", "GREETING", "HOME", "PATH", "PORT"]
    );
}

#[test]
fn a_failing_predeploy_hook_stops_nothing() {
    let mut engine = created(variants::STANDARD);
    let before = engine.history().commands.len();
    engine.instance.failing.push("10-a.sh".into());
    let deployment = engine.deploy(bundle().path());
    let error = deployment.outcome.unwrap_err().to_string();
    assert_eq!(
        error,
        "the hook .platform/hooks/predeploy/10-a.sh failed with exit status 1: no"
    );
    assert!(flip_of(&engine, before).is_empty());
    assert_eq!(
        deployment.instructions.last().unwrap().name,
        "RunAppDeployPreDeployHooks"
    );
}

#[test]
fn a_hook_without_the_exec_bit_fails() {
    let mut fake = Fake::new();
    fake.files[1].2 = 0o644;
    let mut engine = engine(fake, variants::STANDARD);
    let error = engine
        .create_environment(bundle().path(), Properties::new())
        .outcome
        .unwrap_err();
    assert!(matches!(error, EngineError::NotExecutable(hook) if hook.ends_with("20-b.sh")));
}

#[test]
fn hooks_run_in_the_order_of_their_bytes() {
    let mut fake = Fake::new();
    for name in ["zz-c", "00_b", "00-a", "Z"] {
        let path: &str = Box::leak(format!(".platform/hooks/prebuild/{name}").into_boxed_str());
        fake.files.push((path, "", 0o755));
    }
    let mut engine = engine(fake, variants::STANDARD);
    let created = engine.create_environment(bundle().path(), Properties::new());
    created.outcome.unwrap();
    let ran = engine.instance.ran.borrow();
    let words = ran.iter().map(|command| command.words[0].as_str());
    let hooks: Vec<_> = words
        .filter_map(|word| word.strip_prefix(".platform/hooks/prebuild/"))
        .collect();
    assert_eq!(hooks, ["00-a", "00_b", "Z", "zz-c"]);
}

#[test]
fn a_failed_hook_shows_its_last_50_lines_in_the_deployment_s_log() {
    let mut engine = created(variants::STANDARD);
    engine.instance.failing.push("10-a.sh".into());
    engine.instance.said = (1..=70).map(|line| format!("line {line}\n")).collect();
    let error = engine.deploy(bundle().path()).outcome.unwrap_err();
    let EngineError::Hook { output, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(output.lines().count(), 50);
    assert!(
        output.starts_with("line 21\n") && output.ends_with("line 70"),
        "{output}"
    );
    let log = engine.deployment_log();
    let text = fs::read_to_string(engine.path(&log)).unwrap();
    assert!(
        log.starts_with("/var/log/deployments/eb-deployment-"),
        "{log}"
    );
    assert!(
        text.ends_with(&format!("{output}\n")) && !text.contains("line 20\n"),
        "{text}"
    );
    let hooks = fs::read_to_string(engine.path("/var/log/eb-hooks.log")).unwrap();
    assert!(
        hooks.contains("line 1\n"),
        "EB keeps the whole output in the hooks' log"
    );
}

#[test]
fn a_failing_postdeploy_hook_leaves_the_new_version() {
    let mut engine = created(variants::STANDARD);
    fs::write(engine.path("/var/app/current/VERSION"), "old").unwrap();
    let before = engine.history().commands.len();
    engine.instance.failing.push("c.sh".into());
    let deployment = engine.deploy(bundle().path());
    let error = deployment.outcome.unwrap_err().to_string();
    assert!(
        error.starts_with("the hook .platform/hooks/postdeploy/c.sh failed"),
        "{error}"
    );
    assert!(
        !engine.instance.has("var/app/current/VERSION"),
        "the flip is not undone"
    );
    let last = flip_of(&engine, before).pop().unwrap();
    assert_eq!(last, "systemctl show -p ConsistsOf eb-app.target");
}

#[test]
fn an_aborted_deployment_ends_before_the_instruction() {
    let mut engine = created(variants::STANDARD);
    let before = engine.history().commands.len();
    engine.abort_before("stop X-Ray");
    let error = engine.deploy(bundle().path()).outcome.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the command was aborted before `stop X-Ray`"
    );
    assert!(flip_of(&engine, before).is_empty());
    engine.deploy(bundle().path()).outcome.unwrap();
}
