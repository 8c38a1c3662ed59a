#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;
use crate::machine::{Command, Output};

/// A recorder in place of an instance: units are on or off, files lie in a folder.
struct Fake {
    folder: tempfile::TempDir,
    active: RefCell<BTreeSet<String>>,
    ran: RefCell<Vec<Command>>,
    failing: Vec<String>,
    files: Vec<(&'static str, &'static str, u32)>,
}

impl Fake {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("run/nginx.pid", "1"),
            ("var/pids/web.pid", "2"),
            ("proc/1/x", ""),
            ("proc/2/x", ""),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let files = vec![
            ("Procfile", "web: ./app\n", 0o644),
            (".platform/hooks/predeploy/20-b.sh", "", 0o755),
            (".platform/hooks/predeploy/10-a.sh", "", 0o755),
            (".platform/hooks/postdeploy/c.sh", "", 0o755),
            (".platform/confighooks/predeploy/d.sh", "", 0o755),
        ];
        Self {
            folder,
            active: RefCell::default(),
            ran: RefCell::default(),
            failing: Vec::new(),
            files,
        }
    }

    fn has(&self, path: &str) -> bool {
        self.folder.path().join(path).exists()
    }

    fn unzip(&self) {
        for (path, text, mode) in &self.files {
            let path = self.folder.path().join("var/app/staging").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
    }

    fn part_of(&self, unit: &str) -> &'static str {
        match unit {
            "nginx.service"
                if self.has("etc/systemd/system/nginx.service.d/elasticbeanstalk.conf") =>
            {
                "PartOf=aws-eb.target\n"
            }
            "web.service" if self.has("etc/systemd/system/web.service") => "PartOf=eb-app.target\n",
            _ => "PartOf=\n",
        }
    }

    fn answer(&self, words: &[&str]) -> (i32, &'static str) {
        let mut active = self.active.borrow_mut();
        match words {
            ["systemctl", "show", "-p", "PartOf", unit] => (0, self.part_of(unit)),
            ["systemctl", "show", "-p", "ConsistsOf", "aws-eb.target", ..] => {
                (0, "nginx.service\n")
            }
            ["systemctl", "show", "-p", "ConsistsOf", ..]
                if self.has("etc/systemd/system/web.service") =>
            {
                (0, "web.service\n")
            }
            ["systemctl", "is-active", unit] => (if active.contains(*unit) { 0 } else { 3 }, ""),
            ["systemctl", "start", unit] => {
                active.insert((*unit).to_owned());
                (0, "")
            }
            ["systemctl", "stop", "eb-app.target"] => {
                active.remove("web.service");
                (0, "")
            }
            ["systemctl", "stop", "xray.service"] => (5, "Unit xray.service not loaded.\n"),
            ["systemctl", "stop", unit] => {
                active.remove(*unit);
                (0, "")
            }
            ["/usr/bin/unzip", ..] => {
                self.unzip();
                (0, "")
            }
            _ => (0, ""),
        }
    }
}

impl Instance for Fake {
    fn run(&self, command: &Command) -> io::Result<Output> {
        self.ran.borrow_mut().push(command.clone());
        let line = command.words.last().unwrap().clone();
        if self.failing.iter().any(|failing| line.contains(failing)) {
            return Ok(Output {
                status: 1,
                stdout: "no".into(),
                stderr: String::new(),
            });
        }
        let (status, stdout) = self.answer(&line.split_whitespace().collect::<Vec<_>>());
        Ok(Output {
            status,
            stdout: stdout.into(),
            stderr: String::new(),
        })
    }

    fn root(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

fn engine(fake: Fake, variants: Variants) -> Engine<Fake> {
    let mut engine = Engine::new(fake, variants, Clock::start());
    engine.pause = Duration::ZERO;
    engine
}

fn bundle() -> tempfile::NamedTempFile {
    tempfile::NamedTempFile::new().unwrap()
}

fn created(variants: Variants) -> Engine<Fake> {
    let mut engine = engine(Fake::new(), variants);
    engine
        .create_environment(bundle().path(), Properties::new())
        .outcome
        .unwrap();
    engine
}

/// The commands of the log of 2026, without times, remarks and engine steps.
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

/// The commands from the first of the flip on, as the log abbreviates them.
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
    assert_eq!(names, ["GREETING", "HOME", "PATH", "PORT"]);
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
        "failed to track the pid of nginx.service in healthd after 6 tries: /run/nginx.pid has 77, which is no process"
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
fn a_failing_command_fails_the_deployment_where_it_stands() {
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
