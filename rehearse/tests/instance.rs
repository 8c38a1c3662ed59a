//! A real instance: systemd and nginx in a container. Needs root on Linux.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use rehearse::bundle::{self, Changes, Front};
use rehearse::clock::Clock;
use rehearse::engine::{Engine, Properties, Variants, variants};
use rehearse::image::{Image, Source, Suite};
use rehearse::machine::{Command, Instance, Machine, wait_for};
use rehearse::record::{Kind, Record};
use rehearse::report::Run;
use rehearse::requirements;
use rehearse::scenario::{self, Setting};
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

fn image(suite: Suite) -> Image {
    requirements::check(true).unwrap();
    Image::obtain(&Source::Suite(suite), &store("images")).unwrap()
}

fn boot() -> Machine {
    Machine::boot(&image(Suite::Bookworm), &store("machines")).unwrap()
}

/// A root that is no image of ours: a link for each file of one, without EB's parts.
fn foreign_root(folder: &Path) -> PathBuf {
    let root = folder.join("root");
    let copied = std::process::Command::new("cp")
        .arg("-al")
        .args([&image(Suite::Bookworm).root, &root])
        .status();
    assert!(copied.unwrap().success());
    std::fs::remove_dir_all(root.join("opt/elasticbeanstalk")).unwrap();
    root
}

#[test]
fn a_root_directory_serves_as_an_image_and_is_not_written_to() {
    if unavailable() {
        return;
    }
    // Links need the image's own file system.
    std::fs::create_dir_all(store("images")).unwrap();
    let folder = tempfile::tempdir_in(store("images").parent().unwrap()).unwrap();
    let root = foreign_root(folder.path());
    let source: Source = root.to_str().unwrap().parse().unwrap();
    let image = Image::obtain(&source, &store("images")).unwrap();
    let machine = Machine::boot(&image, &store("machines")).unwrap();
    let zip = folder.path().join("1.zip");
    bundle::stock_app(&zip, "one").unwrap();
    let mut engine = Engine::new(machine, variants::STANDARD, Clock::start());
    engine
        .create_environment(&zip, Properties::new())
        .outcome
        .unwrap();
    let tool = "opt/elasticbeanstalk/bin/get-config";
    assert!(engine.instance().root().join(tool).exists());
    assert!(!root.join(tool).exists());
    assert!(!root.join("var/app/current").exists());
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
    image(Suite::Bookworm);
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

/// The project's bundle for a front mode, built once.
fn project_bundle(front: Front) -> PathBuf {
    static BUILT: Mutex<Vec<(Front, PathBuf)>> = Mutex::new(Vec::new());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(front.name());
    let mut built = BUILT.lock().unwrap();
    if let Some((_, path)) = built.iter().find(|(other, _)| *other == front) {
        return path.clone();
    }
    let path = bundle::build(Some(front), None, &folder).unwrap();
    built.push((front, path.clone()));
    path
}

/// Plays a scenario with a bundle, and the same bundle with a file more as the new version.
fn play(name: &str, suite: Suite, from: &Path, variants: Variants) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("2.zip");
    let files = [("REHEARSAL", "2", 0o644)];
    bundle::changed(
        from,
        &to,
        &Changes {
            files: &files,
            ..Changes::default()
        },
    )
    .unwrap();
    let setting = Setting {
        image: image(suite),
        machines: store("machines"),
        bundles: folder.path().to_owned(),
        from: from.to_owned(),
        to,
        rate: 200,
        variants,
    };
    scenario::play(scenario::named(name).unwrap(), &setting)
        .unwrap()
        .run
}

/// A scenario went well. How long requests wait is judged as a ratio only: this machine may be busy.
fn went_well(run: &Run) {
    let waited = |reason: &&String| reason.contains("no request waited");
    let mut unmet = run
        .reasons
        .iter()
        .filter(|reason| reason.starts_with("not so"));
    println!("{}: {:?} {:?}", run.scenario, run.summary, run.reasons);
    assert!(
        unmet.all(|reason| waited(&reason)),
        "{}: {:?}",
        run.scenario,
        run.reasons
    );
    if let (Some(steady), Some(deploy)) = (&run.summary.steady, &run.summary.deploy)
        && run.reasons.iter().any(|reason| waited(&reason))
    {
        let ratio = deploy.p999_ms / steady.p999_ms;
        assert!(
            ratio < 20.0,
            "{}: p99.9 is {ratio} times the steady one",
            run.scenario
        );
    }
}

#[test]
fn a_new_version_is_deployed_without_a_failed_request() {
    if unavailable() {
        return;
    }
    let run = play(
        "new-version",
        Suite::Bookworm,
        &project_bundle(Front::Nginx),
        variants::STANDARD,
    );
    went_well(&run);
    assert_eq!(run.summary.failed, 0);
    let kinds: BTreeSet<Kind> = run.records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds.len(), 6, "every kind of client took part: {kinds:?}");
    let runs: BTreeSet<&String> = run.records.iter().filter_map(|r| r.run.as_ref()).collect();
    assert_eq!(runs.len(), 2, "both runs answered: {runs:?}");
}

#[test]
fn the_same_deployment_behind_a_stock_front_shows_its_outage() {
    if unavailable() {
        return;
    }
    let run = play(
        "new-version",
        Suite::Bookworm,
        &project_bundle(Front::Stock),
        variants::STANDARD,
    );
    assert!(!run.ok);
    // Nobody holds port 80 for at least half a second, at 200 connections a second.
    assert!(run.summary.kinds.refused > 100, "{:?}", run.summary);
    assert!(
        run.reasons
            .iter()
            .any(|reason| reason.contains("no request failed"))
    );
}

#[test]
fn a_new_version_is_deployed_without_a_failed_request_in_direct_mode() {
    if unavailable() {
        return;
    }
    let run = play(
        "new-version",
        Suite::Bookworm,
        &project_bundle(Front::Direct),
        variants::STANDARD,
    );
    went_well(&run);
    assert_eq!(run.summary.failed, 0);
}

/// It dies of SIGTERM in the middle of an answer, and can't take a listener over: the relay does it all.
/// In direct mode, where no nginx sends again what was lost.
#[test]
fn a_server_that_only_knows_its_port_is_deployed_without_a_failed_request() {
    if unavailable() {
        return;
    }
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/own-port/flipless.toml");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("own-port");
    let bundle = bundle::build(Some(Front::Direct), Some(&config), &folder).unwrap();
    assert_eq!(bundle::server_of(&bundle).unwrap(), "bin/flipless-relay");
    for name in ["new-version", "restart"] {
        let run = play(name, Suite::Bookworm, &bundle, variants::STANDARD);
        went_well(&run);
        assert_eq!(run.summary.failed, 0, "{name}");
    }
}

#[test]
fn scenarios_on_systemd_252() {
    if unavailable() {
        return;
    }
    let bundle = project_bundle(Front::Nginx);
    for name in [
        "redeploy",
        "environment",
        "restart",
        "crash",
        "unhealthy",
        "bad-proxy",
        "stop",
        "reboot",
        "adoption",
        "uninstall",
    ] {
        went_well(&play(name, Suite::Bookworm, &bundle, variants::STANDARD));
    }
}

/// Requests are in flight when the server dies; nginx sends them to its successor, and older and newer
/// versions of it keep upstream connections otherwise.
#[test]
fn a_killed_server_costs_no_request_that_can_be_sent_again() {
    if unavailable() {
        return;
    }
    let bundle = project_bundle(Front::Nginx);
    for suite in [Suite::Bookworm, Suite::Forky] {
        let run = play("kill-app", suite, &bundle, variants::STANDARD);
        went_well(&run);
        assert_eq!(run.summary.failed, 0, "{suite:?}");
        let killed = run.deploy.start;
        let in_flight = |record: &&Record| {
            record.kind == Kind::Slow && (record.at..record.at + record.latency).contains(&killed)
        };
        assert!(
            run.records.iter().filter(in_flight).count() > 1,
            "{suite:?}"
        );
    }
}

/// nginx from 1.27.4 on loses nothing in a reload either.
#[test]
fn scenarios_on_a_current_nginx() {
    if unavailable() {
        return;
    }
    let bundle = project_bundle(Front::Nginx);
    for name in ["new-version", "changed-proxy", "kill-nginx"] {
        let run = play(name, Suite::Forky, &bundle, variants::STANDARD);
        went_well(&run);
        assert_eq!(run.summary.failed, 0, "{name}");
    }
}

#[test]
fn a_bundle_passes_whatever_is_unknown_of_the_engine() {
    if unavailable() {
        return;
    }
    let bundle = project_bundle(Front::Nginx);
    for variants in variants::ALL {
        went_well(&play("new-version", Suite::Bookworm, &bundle, *variants));
    }
}
