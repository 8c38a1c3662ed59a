//! Kills the agent in the middle of a deployment.

use std::path::PathBuf;

use rehearse::image::Suite;
use rehearse::machine::{Instance, wait_for};

use crate::PATIENCE;
use crate::booted;
use crate::rig::{Rig, assert_nothing_lost};

/// More than the number of tested system calls in any command.
const MOST: usize = 80;
/// The system calls at which strace injects a signal, with the step between two tested calls. The first kind
/// replaces a file, the second one starts a child. Every third child is enough, because a kill before one child
/// is also a kill after the previous one.
const CALLS: [(&str, usize); 2] = [("rename", 1), ("clone,clone3,vfork", 3)];

/// A command of a deployment, which the test kills.
#[derive(Clone, Copy)]
struct Victim {
    command: &'static str,
    /// The hook that calls the command; `None` for the start of web.service.
    hook: Option<&'static str>,
    /// Whether EB has flipped before the command.
    has_flipped: bool,
}

const STAGE: Victim = Victim {
    command: "stage",
    hook: Some("predeploy/~flipless-stage.sh"),
    has_flipped: false,
};
const FLIP: Victim = Victim {
    command: "web-started",
    hook: None,
    has_flipped: true,
};
const COMMIT: Victim = Victim {
    command: "commit",
    hook: Some("postdeploy/!flipless-commit.sh"),
    has_flipped: true,
};

impl Victim {
    /// Makes a bundle for a deployment in which strace sends `signal` to the command, when the command makes its
    /// `number`th call of one of `calls`.
    fn bundle(self, rig: &mut Rig, calls: &str, signal: &str, number: usize) -> PathBuf {
        let strace = format!(
            "exec strace -qq -o /dev/null -e trace={calls} -e inject={calls}:signal={signal}:when={number}"
        );
        let command = self.command;
        if let Some(hook) = self.hook {
            let hook = format!(".platform/hooks/{hook}");
            let line = format!("#!/bin/sh\n{strace} bin/flipless {command}\n");
            return rig.version(&[(&hook, &line, 0o755)]);
        }
        // The script kills only the first call of the command. systemd then restarts `web.service`, and the second call
        // of the command can complete.
        let agent = "/opt/flipless/bin/flipless";
        let script = format!(
            "#!/bin/sh\n[ -e /run/spared ] && exec {agent} {command}\ntouch /run/spared\n{strace} {agent} {command}\n"
        );
        let path = rig.engine.instance().root().join("run/killing.sh");
        std::fs::write(path, script).unwrap();
        rig.must(KILL_IN_THE_FLIP);
        rig.version(&[])
    }
}

/// The drop-in repeats EB's own ExecStartPost= line, because the empty `ExecStartPost=` before it removes the original
/// line.
const KILL_IN_THE_FLIP: &str = "rm -f /run/spared; chmod 755 /run/killing.sh; mkdir -p /run/systemd/system/web.service.d && \
    printf '[Service]\\nExecStartPost=\\nExecStartPost=+/run/killing.sh\\n\
    ExecStartPost=/bin/sh -c \"systemctl show -p MainPID web.service | cut -d= -f2 > /var/pids/web.pid\"\\n' \
    > /run/systemd/system/web.service.d/zzz-killing.conf";
const SPARE_THE_FLIP: &str = "rm -f /run/systemd/system/web.service.d/zzz-killing.conf";

/// Each deployment has to cope with the leftovers of the previous one.
#[test]
fn an_agent_that_is_killed_at_any_of_its_steps_costs_nobody_a_request() {
    if booted::unavailable() {
        return;
    }
    let mut rig = Rig::launch(Suite::Bookworm);
    let load = rig.load();
    let mut killed = Vec::new();
    for victim in [STAGE, FLIP, COMMIT] {
        for (calls, step) in CALLS {
            kill_at_every(&mut rig, victim, calls, step, &mut killed);
        }
        rig.must(SPARE_THE_FLIP);
    }
    println!("killed {} times: {killed:?}", killed.len());
    assert!(killed.len() > 12, "{killed:?}");
    rig.deploy();
    rig.settle();
    assert_nothing_lost(&load.stop().unwrap());
}

/// Kills the command at its first call, then at later ones, until the command has no further call.
fn kill_at_every(
    rig: &mut Rig,
    victim: Victim,
    calls: &str,
    step: usize,
    killed: &mut Vec<String>,
) {
    for number in (1..MOST).step_by(step) {
        let when = format!("{}, {calls} {number}", victim.command);
        assert!(number + step < MOST, "{when}: {killed:?}");
        let signal = if number % 2 == 0 { "TERM" } else { "KILL" };
        let bundle = victim.bundle(rig, calls, signal, number);
        let before = rig.current();
        if rig.engine.deploy(&bundle).outcome.is_ok() {
            break;
        }
        assert_serves(rig, victim, &before, &when);
        killed.push(when);
    }
}

/// Asserts that the new version serves if EB has flipped, and the old version otherwise. Waits for this, because
/// systemd restarts a command that was killed in the flip.
fn assert_serves(rig: &Rig, victim: Victim, before: &str, when: &str) {
    let decided = wait_for(PATIENCE, || {
        let after = rig.current();
        (rig.is_active(&after) && (after != before) == victim.has_flipped).then_some(())
    });
    assert!(decided.is_some(), "{when}: {} after {before}", rig.status());
}

#[test]
fn after_a_kill_and_a_reboot_one_version_serves() {
    if booted::unavailable() {
        return;
    }
    let mut rig = Rig::launch(Suite::Bookworm);
    for (victim, calls, number) in [
        (STAGE, "rename", 3),
        (STAGE, "rename", 5),
        (FLIP, "rename", 1),
        (FLIP, "rename", 2),
        (FLIP, "clone,clone3,vfork", 2),
        (COMMIT, "clone,clone3,vfork", 1),
        (COMMIT, "clone,clone3,vfork", 7),
    ] {
        let before = rig.current();
        let bundle = victim.bundle(&mut rig, calls, "KILL", number);
        let outcome = rig.engine.deploy(&bundle).outcome;
        assert!(outcome.is_err(), "{} {number}", victim.command);
        rig.engine.reboot().unwrap().outcome.unwrap();
        rig.wait_until_serving();
        assert_serves(&rig, victim, &before, victim.command);
        assert_eq!(rig.active_runs(), [rig.current()]);
        assert!(rig.status()["staged"].is_null(), "{}", rig.status());
        rig.deploy();
    }
    rig.settle();
}
