//! A real instance: systemd and nginx in a container. Needs root on Linux.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

mod booted;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use booted::{boot, image, say, store, unavailable};
use rehearse::bundle;
use rehearse::clock::Clock;
use rehearse::engine::{Engine, Properties, variants};
use rehearse::image::{Image, Source, Suite};
use rehearse::machine::{Instance, Machine, wait_for};
use rustix::process::{Pid, Signal, kill_process};

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

#[test]
fn eb_deploys_a_stock_application_and_reboots() {
    if unavailable() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("1.zip"), folder.path().join("2.zip"));
    bundle::stock_app(&one, "one").unwrap();
    bundle::stock_app(&two, "two").unwrap();
    let machine = boot(Suite::Bookworm);
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

const EXTENSIONS: &str = r#"
option_settings:
  aws:elasticbeanstalk:application:environment:
    FROM_FILE: "1"
  aws:elasticbeanstalk:environment:proxy:staticfiles:
    /static: static
files:
  "/etc/rehearsal/a.conf":
    mode: "000640"
    owner: root
    group: webapp
    content: |
      placed
commands:
  01_before:
    command: "[ ! -e /var/app/staging/static ] && cat /etc/rehearsal/a.conf > /tmp/before"
  02_untested: {command: exit 1, test: "false"}
container_commands:
  01_in_staging:
    command: 'echo "$FROM_FILE $EB_IS_COMMAND_LEADER" > static/page; chown -R webapp: static'
"#;

#[test]
fn eb_carries_out_configuration_files() {
    if unavailable() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (stock, zip) = (folder.path().join("1.zip"), folder.path().join("2.zip"));
    bundle::stock_app(&stock, "one").unwrap();
    let files = [
        (".ebextensions/10-a.config", EXTENSIONS, 0o644),
        ("static/page", "", 0o644),
    ];
    let changes = bundle::Changes {
        files: &files,
        ..Default::default()
    };
    bundle::changed(&stock, &zip, &changes).unwrap();
    let mut engine = Engine::new(boot(Suite::Bookworm), variants::STANDARD, Clock::start());
    // The second time EB keeps the file that is there.
    for _ in 0..2 {
        let deployment = engine.create_environment(&zip, Properties::new());
        deployment.outcome.unwrap();
    }
    let said = |line: &str| say(engine.instance(), line);
    assert_eq!(
        said("stat -c '%a %U:%G' /etc/rehearsal/a.conf"),
        "640 root:webapp"
    );
    assert_eq!(
        said("cat /etc/rehearsal/a.conf.bak /tmp/before"),
        "placed\nplaced"
    );
    assert_eq!(said("cat /var/app/current/static/page"), "1 true");
    let page = "exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET /static/page HTTP/1.0\\r\\n\\r\\n' >&3; tail -n 1 <&3";
    assert_eq!(said(&format!("bash -c \"{page}\"")), "1 true");
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
    drop(boot(Suite::Bookworm));
    for trace in traces {
        assert!(!trace.exists(), "{}", trace.display());
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains("rehearse/machines"), "{mounts}");
}
