#![allow(clippy::unwrap_used)]

mod extensions;
mod fake;
mod get_config;
mod hooks;
mod unknown;

use std::fs;

use super::*;
use fake::{Fake, bundle, created};

/// The commands in a real log of 2026, without times, remarks and instructions of the engine.
fn logged() -> Vec<String> {
    include_str!("../../tests/fixtures/app-deploy.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            line[5..]
                .trim()
                .split("  ")
                .next()
                .unwrap()
                .trim()
                .to_owned()
        })
        .filter(|line| !line.starts_with('('))
        .collect()
}

/// The commands from the start of the flip on, abbreviated as in the log.
fn flip_of(engine: &Engine<Fake>, from: usize) -> Vec<String> {
    let commands = engine.history().commands[from..].iter();
    commands
        .map(|(_, line)| line.replace(" | cut -d= -f2", ""))
        .skip_while(|line| line != "systemctl show -p PartOf xray.service")
        .collect()
}

#[test]
fn an_application_deployment_runs_the_commands_of_the_real_log() {
    let mut engine = created(variants::STANDARD);
    let before = engine.history().commands.len();
    engine.deploy(bundle().path()).outcome.unwrap();
    assert_eq!(logged().len(), 38);
    assert_eq!(flip_of(&engine, before), logged());
}

#[test]
fn the_order_of_2020_does_not_poll() {
    let mut engine = created(variants::named("order-2020").unwrap());
    let before = engine.history().commands.len();
    engine.deploy(bundle().path()).outcome.unwrap();
    let mut expected = logged();
    let poll = expected
        .iter()
        .position(|line| line == "systemctl is-active web.service")
        .unwrap();
    let poll = poll
        + 1
        + expected[poll + 1..]
            .iter()
            .position(|l| l == "systemctl is-active web.service")
            .unwrap();
    expected.remove(poll);
    assert_eq!(flip_of(&engine, before), expected);
}

#[test]
fn a_configuration_deployment_runs_the_other_hooks_and_writes_the_file_in_the_flip() {
    let mut engine = created(variants::STANDARD);
    engine.instance.ran.borrow_mut().clear();
    engine
        .configure(&[("COLOUR", Some("blue"))])
        .outcome
        .unwrap();
    let ran = engine.instance.ran.borrow();
    let hooks: Vec<_> = ran
        .iter()
        .map(|c| c.words[0].as_str())
        .filter(|w| w.starts_with('.'))
        .collect();
    assert_eq!(hooks, [".platform/confighooks/predeploy/d.sh"]);
    let file = fs::read_to_string(engine.path(environment::FILE)).unwrap();
    assert!(file.starts_with("COLOUR=\"blue\"\n"), "{file}");
}

#[test]
fn a_process_without_a_live_pid_fails_the_deployment() {
    let mut engine = created(variants::STANDARD);
    fs::write(engine.path("/run/nginx.pid"), "77").unwrap();
    let error = engine
        .deploy(bundle().path())
        .outcome
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "failed to track the pid of nginx.service in healthd after 6 tries: /run/nginx.pid is 77, but there is no such process"
    );
}

#[test]
fn a_wiping_engine_removes_the_whole_folder() {
    let mut engine = created(variants::named("wipes-drop-ins").unwrap());
    engine
        .write("/etc/systemd/system/nginx.service.d/user.conf", "")
        .unwrap();
    engine.deploy(bundle().path()).outcome.unwrap();
    assert!(
        !engine
            .instance
            .has("etc/systemd/system/nginx.service.d/user.conf")
    );
    assert!(
        engine
            .instance
            .has("etc/systemd/system/nginx.service.d/elasticbeanstalk.conf")
    );
}

#[test]
fn a_failing_command_ends_the_deployment_at_once() {
    let mut engine = created(variants::STANDARD);
    engine.instance.failing.push("nginx -t".into());
    let deployment = engine.deploy(bundle().path());
    assert_eq!(
        deployment.instructions.last().unwrap().name,
        "start proxy with new configuration"
    );
    let error = deployment.outcome.unwrap_err().to_string();
    assert!(
        error.starts_with("`/usr/sbin/nginx -t -c /var/proxy/staging/nginx/nginx.conf` failed"),
        "{error}"
    );
    let log = fs::read_to_string(engine.path("/var/log/eb-engine.log")).unwrap();
    assert!(
        log.contains(" [INFO] Running command /bin/sh -c systemctl stop nginx.service\n"),
        "{log}"
    );
    assert!(
        log.contains(" [ERROR] The application deployment failed: `/usr/sbin/nginx -t"),
        "{log}"
    );
}
