//! Variants, and other behaviour of the engine that is only partly known.

use std::fs;

use super::super::*;
use super::fake::{Fake, bundle, created, engine};

const STORE: &str = "/opt/elasticbeanstalk/config/environment.json";

fn with_secret(variants: Variants) -> Engine<Fake> {
    let mut engine = engine(Fake::new(), variants);
    engine.keep_secrets(Properties::from([("TOKEN".into(), "hunter2".into())]));
    let properties = Properties::from([("COLOUR".into(), "blue".into())]);
    engine
        .create_environment(bundle().path(), properties)
        .outcome
        .unwrap();
    engine
}

fn hook_has(engine: &Engine<Fake>, name: &str) -> bool {
    let ran = engine.instance.ran.borrow();
    let hook = ran
        .iter()
        .find(|command| command.words[0].starts_with(".platform"))
        .unwrap();
    hook.environment.iter().any(|(known, _)| known == name)
}

#[test]
fn secrets_reach_hooks_and_the_application() {
    for name in ["standard", "secrets-in-hooks-only", "broken-get-config"] {
        let variant = variants::named(name).unwrap();
        let engine = with_secret(variant);
        assert!(hook_has(&engine, "TOKEN"), "{}", variant.name);
        let file = fs::read_to_string(engine.path(environment::FILE)).unwrap();
        assert!(
            file.contains("TOKEN=\"hunter2\"\n"),
            "{}: {file}",
            variant.name
        );
    }
}

#[test]
fn a_restart_writes_the_present_values_of_secrets() {
    let mut engine = with_secret(variants::STANDARD);
    let file = |engine: &Engine<Fake>| fs::read_to_string(engine.path(environment::FILE)).unwrap();
    engine.keep_secrets(Properties::from([("TOKEN".into(), "rotated".into())]));
    assert!(file(&engine).contains("TOKEN=\"hunter2\"\n"));
    engine.restart_app_server().outcome.unwrap();
    assert!(file(&engine).contains("TOKEN=\"rotated\"\n"));
}

#[test]
fn a_secret_may_be_in_eb_s_file_only() {
    let mut engine = with_secret(variants::STANDARD);
    engine.instance.ran.borrow_mut().clear();
    engine.withhold_secrets(Properties::from([("HIDDEN".into(), "x".into())]));
    engine.deploy(bundle().path()).outcome.unwrap();
    let file = fs::read_to_string(engine.path(environment::FILE)).unwrap();
    assert!(file.contains("HIDDEN=\"x\"\n"), "{file}");
    assert!(hook_has(&engine, "TOKEN") && !hook_has(&engine, "HIDDEN"));
    assert!(
        !fs::read_to_string(engine.path(STORE))
            .unwrap()
            .contains("HIDDEN")
    );
}

#[test]
fn get_config_may_lack_the_secrets() {
    let store = |variants| fs::read_to_string(with_secret(variants).path(STORE)).unwrap();
    assert_eq!(
        store(variants::STANDARD),
        "{\"COLOUR\":\"blue\",\"TOKEN\":\"hunter2\"}\n"
    );
    let variant = variants::named("secrets-in-hooks-only").unwrap();
    assert_eq!(store(variant), "{\"COLOUR\":\"blue\"}\n");
}

#[test]
fn get_config_may_fail() {
    let engine = with_secret(variants::named("broken-get-config").unwrap());
    assert!(
        !engine.path(STORE).exists(),
        "without this file, the model's get-config exits with 1"
    );
    assert!(hook_has(&engine, "COLOUR"));
}

#[test]
fn a_deployment_fails_if_a_unit_that_eb_stops_is_not_loaded() {
    let mut engine = created(variants::STANDARD);
    engine.instance.unloaded.push("eb-app.target");
    let error = engine.deploy(bundle().path()).outcome.unwrap_err();
    let stopped = "systemctl stop eb-app.target";
    assert!(matches!(error, EngineError::Command { command, status: 5, .. } if command == stopped));
    engine.instance.unloaded = vec!["xray.service"];
    let deployment = engine.deploy(bundle().path());
    assert!(
        deployment.outcome.is_err(),
        "EB's platform has a unit for X-Ray"
    );
    assert_eq!(deployment.instructions.last().unwrap().name, "stop X-Ray");
}

#[test]
fn a_boot_starts_the_proxy_or_nothing_or_deploys() {
    let names = |variant: &str| -> Vec<String> {
        let mut engine = created(variants::named(variant).unwrap());
        let boot = engine.boot();
        boot.outcome.unwrap();
        boot.instructions
            .into_iter()
            .map(|instruction| instruction.name)
            .collect()
    };
    assert_eq!(names("standard"), ["start proxy", "Track pids in healthd"]);
    assert_eq!(names("no-proxy-at-boot"), ["Track pids in healthd"]);
    let whole = names("deploys-at-boot");
    assert!(
        whole
            .iter()
            .any(|name| name == "RunAppDeployPreDeployHooks"),
        "{whole:?}"
    );
    assert_eq!(whole.last().unwrap(), "RunAppDeployPostDeployHooks");
    assert!(
        !whole.iter().any(|name| name == "GetBundle"),
        "EB has already stored the bundle: {whole:?}"
    );
}
