//! A real instance: systemd and nginx in a container. Needs root on Linux.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rehearse::bundle;
use rehearse::clock::Clock;
use rehearse::engine::{Engine, Properties, variants};
use rehearse::image::{Image, Source, Suite};
use rehearse::machine::{Command, Instance, Machine, wait_for};
use rehearse::requirements;
use rustix::process::{Pid, Signal, kill_process};

/// Why these tests don't run here; as root on Linux they always do.
fn unavailable() -> bool {
    if rustix::process::geteuid().is_root() {
        return false;
    }
    eprintln!("skipped: {}", requirements::check(true).unwrap_err());
    true
}

fn store(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .join("rehearse")
        .join(name)
}

fn boot() -> Machine {
    requirements::check(true).unwrap();
    let image = Image::obtain(&Source::Suite(Suite::Bookworm), &store("images")).unwrap();
    Machine::boot(&image, &store("machines")).unwrap()
}

fn say(machine: &Machine, line: &str) -> String {
    machine.run(&Command::shell(line)).unwrap().text()
}

#[test]
fn eb_deploys_a_stock_application_and_reboots() {
    if unavailable() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("1.zip"), folder.path().join("2.zip"));
    bundle::stock_app(&one, "one").unwrap();
    bundle::stock_app(&two, "two").unwrap();
    let machine = boot();
    assert_eq!(say(&machine, "systemctl is-system-running"), "running");
    let mut engine = Engine::new(machine, variants::STANDARD, Clock::start());
    engine
        .create_environment(&one, Properties::new())
        .outcome
        .unwrap();
    engine.deploy(&two).outcome.unwrap();
    engine
        .configure(&[("A", Some("x \"y\" $z %n\nü"))])
        .outcome
        .unwrap();
    let machine = engine.instance();
    assert_eq!(
        say(
            machine,
            "/opt/elasticbeanstalk/bin/get-config environment -k A"
        ),
        "x \"y\" $z %n\nü"
    );
    let line =
        "systemd-run -qP --wait -p EnvironmentFile=/opt/elasticbeanstalk/deployment/env printenv A";
    assert_eq!(say(machine, line), "x \"y\" $z %n\nü");
    engine.restart_app_server().outcome.unwrap();
    engine.reboot().unwrap().outcome.unwrap();
    assert_eq!(
        say(
            engine.instance(),
            "cat /run/nginx.pid | wc -l; systemctl is-active nginx web"
        ),
        "1\nactive\nactive"
    );
}

/// A run that keeps an instance, and the instance's init.
fn kept_instance() -> (Child, PathBuf) {
    requirements::check(true).unwrap();
    Image::obtain(&Source::Suite(Suite::Bookworm), &store("images")).unwrap();
    let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_rehearse"))
        .args(["--stock-app", "--keep"])
        .env(
            "CARGO_TARGET_DIR",
            store("images").ancestors().nth(2).unwrap(),
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(run.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let leader = line.split(' ').nth(3).unwrap();
    let process = Path::new("/proc").join(leader);
    assert!(
        process.join("root/var/app/current/Procfile").exists(),
        "{line}"
    );
    (run, process)
}

/// The folder and control groups of a run's machine.
fn traces(run: &Child) -> Vec<PathBuf> {
    let name = format!("flipless-{}-0", run.id());
    let folder = store("machines").join(&name);
    let groups = std::fs::read_to_string(folder.join("groups")).unwrap();
    groups.lines().map(PathBuf::from).chain([folder]).collect()
}

fn is_gone(path: &Path) -> bool {
    wait_for(Duration::from_secs(10), || (!path.exists()).then_some(())).is_some()
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    if unavailable() {
        return;
    }
    let (mut run, init) = kept_instance();
    let traces = traces(&run);
    kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(128 + 15));
    assert!(is_gone(&init));
    for trace in traces {
        assert!(!trace.exists(), "{}", trace.display());
    }
}

#[test]
fn a_killed_run_leaves_no_container_and_the_next_boot_removes_its_folder() {
    if unavailable() {
        return;
    }
    let (mut run, init) = kept_instance();
    let traces = traces(&run);
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(is_gone(&init));
    drop(boot());
    for trace in traces {
        assert!(!trace.exists(), "{}", trace.display());
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains("rehearse/machines"), "{mounts}");
}
