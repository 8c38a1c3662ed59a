//! The bundle's hooks: their order, folder and environment, and the effects of a failed hook.

use std::fs;
use std::os::unix::fs::PermissionsExt;

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
fn eb_repairs_the_mode_and_the_line_ends_of_hooks() {
    let mut fake = Fake::new();
    let binary = "\u{7f}ELF\r\n";
    fake.files[1] = (fake.files[1].0, "#!/bin/sh\r\necho 'a\r'\r\n", 0o644);
    fake.files[2] = (fake.files[2].0, binary, 0o644);
    let mut engine = engine(fake, variants::STANDARD);
    let created = engine.create_environment(bundle().path(), Properties::new());
    created.outcome.unwrap();
    let file = |name: &str| engine.path(&format!("/var/app/current/.platform/hooks/{name}"));
    let script = fs::read_to_string(file("predeploy/20-b.sh")).unwrap();
    assert_eq!(script, "#!/bin/sh\necho 'a\r'\n");
    assert_eq!(
        fs::read_to_string(file("predeploy/10-a.sh")).unwrap(),
        binary
    );
    for name in ["predeploy/10-a.sh", "predeploy/20-b.sh"] {
        let mode = file(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{name}");
    }
}

#[test]
fn a_skipped_hook_does_not_run_and_the_history_names_it() {
    let mut engine = engine(Fake::new(), variants::STANDARD);
    engine.skip_hooks(&["hooks/predeploy/1*".into(), "c.sh".into()]);
    let created = engine.create_environment(bundle().path(), Properties::new());
    created.outcome.unwrap();
    let ran = engine.instance.ran.borrow();
    let hooks = ran.iter().map(|command| command.words[0].as_str());
    let hooks: Vec<_> = hooks.filter(|word| word.starts_with(".platform")).collect();
    assert_eq!(hooks, [".platform/hooks/predeploy/20-b.sh"]);
    let skipped = [
        "the hook .platform/hooks/predeploy/10-a.sh, as --skip-hook says",
        "the hook .platform/hooks/postdeploy/c.sh, as --skip-hook says",
    ];
    assert_eq!(engine.history().left_out, skipped);
}

#[test]
fn the_history_names_what_placeholders_did_not_run_and_the_hook_that_called_them() {
    let mut engine = created(variants::STANDARD);
    engine.instance.not_run = "`yum install x` was not run: no \n\n`aws` was not run\n";
    engine.deploy(bundle().path()).outcome.unwrap();
    let hook = ".platform/hooks/predeploy/10-a.sh";
    let lines = [
        format!("{hook}: `yum install x` was not run: no"),
        format!("{hook}: `aws` was not run"),
    ];
    assert_eq!(engine.history().left_out[..2], lines);
    assert!(engine.history().left_out[2].starts_with(".platform/hooks/predeploy/20-b.sh: "));
}

/// The names of the hooks of a stage that ran, in order.
fn hooks_that_ran(engine: &Engine<Fake>, stage: &str) -> Vec<String> {
    let folder = format!(".platform/hooks/{stage}/");
    let ran = engine.instance.ran.borrow();
    let hooks = ran
        .iter()
        .filter_map(|command| command.words[0].strip_prefix(&folder));
    hooks.map(str::to_owned).collect()
}

#[test]
fn a_hook_may_be_a_link_to_a_file_of_the_bundle() {
    let mut fake = Fake::new();
    fake.links
        .push((".platform/hooks/postdeploy/d.sh", "../predeploy/10-a.sh"));
    fake.links
        .push((".platform/hooks/postdeploy/e.sh", "no-such-file"));
    let mut engine = engine(fake, variants::STANDARD);
    let created = engine.create_environment(bundle().path(), Properties::new());
    created.outcome.unwrap();
    assert_eq!(hooks_that_ran(&engine, "postdeploy"), ["c.sh", "d.sh"]);
}

/// A rehearsal runs as root, so EB's repair of such a hook would change a file of this machine.
#[test]
fn a_hook_that_links_to_a_file_of_this_machine_is_left_out() {
    let own = tempfile::NamedTempFile::new().unwrap();
    let path = own.path().to_str().unwrap();
    let climbing: &str = Box::leak(format!("{}{path}", "../".repeat(30)).into_boxed_str());
    let absolute: &str = Box::leak(path.to_owned().into_boxed_str());
    let mut fake = Fake::new();
    fake.links
        .push((".platform/hooks/postdeploy/d.sh", climbing));
    fake.links
        .push((".platform/hooks/postdeploy/e.sh", absolute));
    let mut engine = engine(fake, variants::STANDARD);
    let created = engine.create_environment(bundle().path(), Properties::new());
    created.outcome.unwrap();
    let ran = engine.instance.ran.borrow();
    assert!(
        !ran.iter()
            .any(|command| command.words[0].ends_with("d.sh")
                || command.words[0].ends_with("e.sh"))
    );
    let mode = own.path().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0);
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
    assert_eq!(
        hooks_that_ran(&engine, "prebuild"),
        ["00-a", "00_b", "Z", "zz-c"]
    );
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
