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
use rehearse::evidence;
use rehearse::image::{Image, Source, Suite};
use rehearse::load::{Load, Namespace, Plan};
use rehearse::machine::{Command, Instance, Machine, MachineError, wait_for};
use rustix::process::{Pid, Signal, kill_process};

/// Makes a root directory that is not an image of a rehearsal. It has a hard link to each file of an image, except EB's
/// parts.
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
    // Hard links work only within the image's file system.
    std::fs::create_dir_all(store("images")).unwrap();
    let folder = tempfile::tempdir_in(store("images").parent().unwrap()).unwrap();
    let root = foreign_root(folder.path());
    let source: Source = root.to_str().unwrap().parse().unwrap();
    let image = Image::obtain(&source, &store("images")).unwrap();
    booted::take_place();
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

/// A hook as people write it. The test gives it the line ends of Windows.
const HOOK: &str = r#"#!/bin/bash
set -e -o pipefail
sudo yum install -y epel-release augeas-libs
sudo dnf -y install cronie redis6
echo '* * * * * true' | sudo -u webapp crontab -
systemctl enable --now redis6 crond && systemctl restart amazon-ssm-agent rsyslog
[ "$(python3 -c 'import json, ssl, http.server; print(6 * 7)')" = 42 ]
sudo python3 -m venv /opt/certbot/
sudo /opt/certbot/bin/pip install --upgrade pip
sudo /opt/certbot/bin/pip install certbot 'certbot-nginx>=2'
sudo ln -sf /opt/certbot/bin/certbot /usr/bin/certbot
sudo -n -E certbot -n -d example.org --nginx --agree-tos -m a@example.org
/opt/aws/bin/cfn-signal -e 0 --stack x
KEY=$(aws secretsmanager get-secret-value --secret-id x | jq -r .SecretString)
TOKEN=$(curl -sfX PUT http://169.254.169.254/latest/api/token)
ID=$(curl -sf -H "X-aws-ec2-metadata-token: $TOKEN" http://169.254.169.254/latest/meta-data/instance-id)
ZONE=$(ec2-metadata -z | cut -d' ' -f2)
USER=$(/opt/elasticbeanstalk/bin/get-config platformconfig -k AppUser)
NAME=$(/opt/elasticbeanstalk/bin/get-config optionsettings | jq -r '."aws:elasticbeanstalk:application:environment".FROM_FILE')
sudo -u "$USER" A="$NAME" -- sh -c 'echo "$(id -un) $A $0 $1"' "$ID" "$ZONE" >/tmp/seen
printf '#!/bin/sh\necho own\n' | sudo tee /usr/bin/rpm >/dev/null
[ "$(rpm -q x)" = own ] && yum-config-manager --enable x
[ "$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/)" = 200 ]
"#;

const EXTENSIONS: &str = r#"
option_settings:
  aws:elasticbeanstalk:application:environment:
    FROM_FILE: "1"
  aws:elasticbeanstalk:environment:proxy:staticfiles:
    /static: static
packages:
  yum:
    git: []
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
  03_with_a_package: {command: git clone https://example.org/x /tmp/x}
  02_untested: {command: exit 1, test: "false"}
container_commands:
  01_in_staging:
    command: 'echo "$FROM_FILE $EB_IS_COMMAND_LEADER" > static/page; chown -R webapp: static'
"#;

#[test]
fn eb_carries_out_configuration_files_and_hooks() {
    if unavailable() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (stock, zip) = (folder.path().join("1.zip"), folder.path().join("2.zip"));
    bundle::stock_app(&stock, "one").unwrap();
    let hook = HOOK.replace('\n', "\r\n");
    let files = [
        (".ebextensions/10-a.config", EXTENSIONS, 0o644),
        (
            ".platform/hooks/postdeploy/00_get_certificate.sh",
            &hook,
            0o644,
        ),
        ("static/page", "", 0o644),
    ];
    let changes = bundle::Changes {
        files: &files,
        ..Default::default()
    };
    bundle::changed(&stock, &zip, &changes).unwrap();
    let mut engine = Engine::new(boot(Suite::Bookworm), variants::STANDARD, Clock::start());
    // The second time EB keeps the existing file as `.bak`.
    for _ in 0..2 {
        let deployment = engine.create_environment(&zip, Properties::new());
        deployment.outcome.unwrap();
    }
    let said = |line: &str| say(engine.instance(), line);
    assert_eq!(
        said("cat /tmp/seen"),
        "webapp 1 i-0123456789abcdef0 us-east-1a"
    );
    let not_run = engine.history().left_out.join("\n");
    assert!(
        not_run.contains("03_with_a_package: `git clone https://example.org/x /tmp/x` was not run")
    );
    for program in [
        "`yum install -y epel-release augeas-libs` was not run: a rehearsal installs no packages",
        "`crontab -` was not run",
        "`redis6.service` was not started",
        "`amazon-ssm-agent.service` was not started",
        "`certbot -n -d example.org --nginx --agree-tos -m a@example.org` was not run",
        "`cfn-signal -e 0 --stack x` was not run",
        "`aws secretsmanager get-secret-value --secret-id x` was not run",
        "`yum-config-manager --enable x` was not run",
    ] {
        let line = format!(".platform/hooks/postdeploy/00_get_certificate.sh: {program}");
        assert!(not_run.contains(&line), "{program}: {not_run}");
    }
    assert_eq!(
        said("stat -c '%a %U:%G' /etc/rehearsal/a.conf"),
        "640 root:webapp"
    );
    assert_eq!(
        said("cat /etc/rehearsal/a.conf.bak /tmp/before"),
        "placed\nplaced"
    );
    assert_eq!(said("cat /var/app/current/static/page"), "1 true");
    // A server, too, gets the real Python until a hook installs Python packages.
    let server = "systemd-run -qP --wait -p DynamicUser=yes python3 -c 'import http.server; print(6 * 7)' 2>&1";
    assert_eq!(said(server), "42");
    let packages = format!("pip3 install boto3 2>/dev/null; {server}");
    assert!(said(&packages).contains("has not installed the packages for it"));
    let page = "exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET /static/page HTTP/1.0\\r\\n\\r\\n' >&3; tail -n 1 <&3";
    assert_eq!(said(&format!("bash -c \"{page}\"")), "1 true");
}

/// Starts a rehearsal of an application without flipless. Its temporary files are in `temporary`.
fn rehearsal(arguments: &[&str], temporary: &Path) -> Child {
    image(Suite::Bookworm);
    std::process::Command::new(env!("CARGO_BIN_EXE_rehearse"))
        .arg("--stock-app")
        .args(arguments)
        .env(
            "CARGO_TARGET_DIR",
            store("images").ancestors().nth(2).unwrap(),
        )
        .env("TMPDIR", temporary)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Starts a rehearsal with `--keep`. Returns its process, and the folder in /proc of its instance's init.
fn kept_instance(temporary: &Path) -> (Child, PathBuf) {
    let mut run = rehearsal(&["--keep"], temporary);
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

/// Returns the folder and the control groups of the rehearsal's machine.
fn traces(run: &Child) -> Vec<PathBuf> {
    let name = format!("flipless-{}-0", run.id());
    let folder = store("machines").join(&name);
    let groups = std::fs::read_to_string(folder.join("groups")).unwrap();
    groups.lines().map(PathBuf::from).chain([folder]).collect()
}

/// Returns what is left of the rehearsal's temporary folders.
fn folders(run: &Child, temporary: &Path) -> Vec<PathBuf> {
    let of_run = format!("bundles-{}-", run.id());
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path())
    };
    let stores = store("machines");
    let bundles = names(stores.parent().unwrap()).filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(&of_run)
    });
    bundles.chain(names(temporary)).collect()
}

fn is_gone(path: &Path) -> bool {
    wait_for(Duration::from_secs(10), || (!path.exists()).then_some(())).is_some()
}

/// Otherwise a command could run in another process of this host that has got the pid of the instance's init.
#[test]
fn an_instance_that_has_ended_is_noticed() {
    if unavailable() {
        return;
    }
    let machine = boot(Suite::Bookworm);
    assert!(machine.check().is_ok() && machine.root().join("etc").exists());
    kill_process(machine.leader(), Signal::KILL).unwrap();
    let ended = wait_for(Duration::from_secs(10), || machine.check().err());
    assert!(matches!(ended, Some(MachineError::Ended(_))), "{ended:?}");
    assert!(machine.run(&Command::shell("true")).is_err());
    assert!(std::fs::create_dir_all(machine.root().join("etc")).is_err());
}

/// Interrupts a run, and asserts that it ends by the signal and that nothing of it is left on the disk.
fn interrupt(run: &mut Child, temporary: &Path) {
    let traces = traces(run);
    kill_process(Pid::from_child(run), Signal::TERM).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(128 + 15));
    for trace in traces {
        assert!(!trace.exists(), "{}", trace.display());
    }
    assert_eq!(folders(run, temporary), [""; 0].map(PathBuf::from));
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    if unavailable() {
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let (mut run, init) = kept_instance(temporary.path());
    interrupt(&mut run, temporary.path());
    assert!(is_gone(&init));
}

#[test]
fn an_interrupted_scenario_leaves_nothing_behind() {
    if unavailable() {
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let mut run = rehearsal(&["--scenario", "redeploy,restart"], temporary.path());
    let machine = store("machines").join(format!("flipless-{}-0", run.id()));
    let booting = wait_for(Duration::from_secs(60), || {
        machine.join("console.log").exists().then_some(())
    });
    assert!(booting.is_some());
    assert!(!folders(&run, temporary.path()).is_empty());
    interrupt(&mut run, temporary.path());
}

#[test]
fn a_killed_run_leaves_no_container_and_the_next_boot_removes_its_folder() {
    if unavailable() {
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let (mut run, init) = kept_instance(temporary.path());
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

#[test]
fn what_the_instance_does_while_requests_wait_is_saved() {
    if unavailable() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("1.zip");
    bundle::stock_app(&zip, "one").unwrap();
    let clock = Clock::start();
    let mut engine = Engine::new(boot(Suite::Bookworm), variants::STANDARD, clock);
    engine
        .create_environment(&zip, Properties::new())
        .outcome
        .unwrap();
    let machine = engine.instance();
    let leader = machine.leader().as_raw_nonzero().get().unsigned_abs();
    let plan = Plan {
        rate: 20,
        ..Plan::none()
    };
    let load = Load::start(plan, Namespace::of(leader).unwrap(), clock.zero()).unwrap();
    load.when_late(evidence::witness(machine));
    say(machine, "pkill -STOP -f 'nginx: [w]orker'");
    let saved = machine.evidence().join("1");
    let found = wait_for(Duration::from_secs(60), || {
        saved.join("nginx/nginx.conf").exists().then_some(())
    });
    say(machine, "pkill -CONT -f 'nginx: [w]orker'");
    load.stop().unwrap();
    assert!(found.is_some(), "{}", saved.display());
    let text = |name: &str| std::fs::read_to_string(saved.join(name)).unwrap();
    for (name, expected) in [
        ("listeners.txt", "((\"nginx\","),
        ("connections.txt", "127.0.0.1:80"),
        ("counters.txt", "TcpExtListenOverflows"),
        ("processes.txt", "tfd:"),
        ("processes.txt", "socket:["),
        ("systemd.txt", "0050 00000000:0000 0A"),
        ("journal.txt", "systemd"),
        ("etc-nginx.txt", "nginx.conf"),
    ] {
        assert!(text(name).contains(expected), "{name}: {}", text(name));
    }
    std::fs::remove_dir_all(machine.evidence()).unwrap();
}
