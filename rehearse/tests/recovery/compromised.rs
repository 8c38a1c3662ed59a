//! A compromised server can't change a file of flipless, and can't prevent its own replacement.

use std::path::Path;
use std::process::Command;

use rehearse::image::Suite;
use rehearse::machine::{Instance, wait_for};

use crate::rig::Rig;
use crate::{PATIENCE, booted, writable};

#[test]
fn a_server_writes_where_it_may_and_a_compromised_one_is_replaced() {
    if booted::unavailable() {
        return;
    }
    let mut rig = Rig::launch(Suite::Bookworm);
    change_nothing_of_ours(&rig);
    prevent_no_replacement(&mut rig);
    writable::runs_share_their_files(&mut rig);
}

/// The server's user has no right to change a file of flipless, or to use the agent.
fn change_nothing_of_ours(rig: &Rig) {
    let as_webapp = |line: &str| {
        rig.say(&format!(
            "runuser -u webapp -- sh -c '{line}' 2>&1; echo $?"
        ))
    };
    let unit = format!("/etc/systemd/system/flipless-app@{}.service", rig.current());
    let release = format!("/opt/flipless/releases/{}", rig.release());
    for path in [
        "/opt/flipless/bin/flipless",
        &unit,
        "/etc/systemd/system/flipless-app.socket",
        "/usr/lib/systemd/system/nginx.service.d/zz-flipless.conf",
        "/var/lib/flipless/state.json",
        "/run/flipless/lock",
        "/run/flipless/front-loaded",
        &format!("{release}/app/bin/server"),
    ] {
        assert!(
            rig.say(&format!("test -f {path} && echo there"))
                .contains("there"),
            "{path}"
        );
        let said = as_webapp(&format!("echo x >> {path}"));
        assert!(said.contains("Permission denied"), "{path}: {said}");
        let said = as_webapp(&format!("rm -f {path}"));
        assert!(said.contains("Permission denied"), "{path}: {said}");
        let folder = path.rsplit_once('/').unwrap().0;
        let said = as_webapp(&format!("touch {folder}/new"));
        assert!(said.contains("Permission denied"), "{folder}: {said}");
    }
    for secret in [
        "/var/lib/flipless/state.json",
        &format!("{release}/environment"),
    ] {
        let said = as_webapp(&format!("cat {secret}"));
        assert!(said.contains("Permission denied"), "{secret}: {said}");
    }
    for command in ["rollback", "restart", "uninstall", "commit", "expire"] {
        let said = as_webapp(&format!("/opt/flipless/bin/flipless {command}"));
        assert!(said.trim_end().ends_with('1'), "{command}: {said}");
    }
}

/// The server ignores SIGTERM, and sends SIGKILL to every process that it may signal, in a loop. Deployments and
/// rollbacks still succeed, and systemd ends the server at its time limit.
fn prevent_no_replacement(rig: &mut Rig) {
    let attacker = rig.engine.instance().root().join("srv/attacker");
    compile(&attacker);
    // Shortens the time limit for a stop. The attacker uses all of it, and the limit of the project's bundle is longer
    // than this test.
    rig.must(
        "mkdir -p /run/systemd/system/flipless-app@.service.d && \
         printf '[Service]\\nTimeoutStopSec=6\\n' > /run/systemd/system/flipless-app@.service.d/short.conf && \
         systemctl daemon-reload",
    );
    let start = "#!/bin/sh\nexec /srv/attacker\n";
    let bundle = rig.version(&[("bin/server", start, 0o755)]);
    let done = rig.engine.deploy(&bundle).outcome;
    done.unwrap_or_else(|error| panic!("its own deployment: {error}"));
    let attacker = rig.current();
    assert_eq!(rig.body("/"), "attacker\n");

    rig.deploy();
    let next = rig.current();
    assert_replaced(rig, &attacker);
    rig.must("/opt/flipless/bin/flipless rollback");
    assert_eq!(rig.body("/"), "attacker\n", "it is the previous release");
    let attacker = rig.current();
    rig.must("/opt/flipless/bin/flipless rollback");
    assert_ne!(rig.current(), next, "a new run");
    // The server still runs, and attacks a deployment that begins while the server drains.
    rig.deploy();
    assert_replaced(rig, &attacker);
    for unit in ["web.service", "nginx.service"] {
        let restarts = rig.say(&format!("systemctl show --value -p NRestarts {unit}"));
        assert_eq!(restarts, "0", "{unit}");
    }
    rig.settle();
}

fn compile(program: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/attacker.c");
    let compiled = Command::new("cc")
        .args(["-O1", "-w", "-o"])
        .arg(program)
        .arg(source)
        .status();
    assert!(compiled.unwrap().success());
}

/// Asserts that systemd ends the attacker's run, and that another run serves.
fn assert_replaced(rig: &Rig, attacker: &str) {
    let unit = format!("flipless-app@{attacker}.service");
    let ended = wait_for(PATIENCE, || {
        let state = rig.say(&format!("systemctl show --value -p ActiveState {unit}"));
        matches!(state.as_str(), "inactive" | "failed").then_some(())
    });
    assert!(ended.is_some(), "{}", rig.status());
    assert_eq!(rig.active_runs(), [rig.current()]);
    assert!(rig.body("/status.json").contains(&rig.current()));
}
