//! The agent as a program: its messages, and its behaviour on a machine that is not ready for it.
//!
//! The agent works on `/`. So each test gives the agent another `/`, in a user and mount namespace (unshare(1)).
//! In this namespace the agent is root, and no other process sees its files.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const AGENT: &str = env!("CARGO_BIN_EXE_flipless");
const PATIENCE: Duration = Duration::from_secs(20);
/// Every command that reads or changes the instance.
const COMMANDS: [&str; 24] = [
    "stage",
    "commit",
    "abort",
    "rollback",
    "restart",
    "status",
    "status --json",
    "uninstall",
    "identify",
    "activate",
    "expire",
    "recover",
    "run-ended abc-1",
    "web-starting",
    "web-started",
    "front-starting",
    "front-exec",
    "front-started 1",
    "front-reload",
    "front-sync",
    "front-settle",
    "front-check",
    "front-renew",
    "record-pid web 1",
];

/// Returns a command that runs a shell script as root of a namespace. The folders of the agent's files are empty there.
fn in_namespace(script: &str) -> Command {
    let empty = "set -e
for folder in /run /var/lib /opt /etc/systemd /usr/lib/systemd/system /etc/nginx; do
    [ ! -d $folder ] || mount -t tmpfs tmpfs $folder
done
mkdir -p /run/flipless /var/lib/flipless
";
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
    ]);
    command.args(["sh", "-c", &format!("{empty}{script}"), AGENT]);
    command.stdin(Stdio::null());
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_command_says_that_it_needs_root() {
    for words in COMMANDS {
        // Runs as `nobody` in a namespace, because the test may run as root.
        let output = Command::new("unshare")
            .args(["--user", "--", AGENT])
            .args(words.split(' '))
            .output()
            .unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{words}: {said}");
        assert!(
            said.contains("needs root") && said.contains("sudo"),
            "{words}: {said}"
        );
        assert_eq!(output.stdout, b"", "{words}");
    }
}

#[test]
fn help_and_version_need_no_root_and_misuse_has_another_exit_status() {
    let run = |words: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--", AGENT])
            .args(words.split_whitespace());
        command.output().unwrap()
    };
    for words in ["", "--help", "-h", "help", "stage --help"] {
        let output = run(words);
        assert!(output.status.success(), "{words}");
        assert!(output.stdout.starts_with(b"flipless: "), "{words}");
    }
    assert!(run("--version").stdout.starts_with(b"flipless 0."));
    for words in [
        "stagee",
        "status --jsn",
        "stand-in",
        "stage twice",
        "-x",
        "run-ended ../x",
    ] {
        let output = run(words);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{words}: {said}");
        assert!(
            said.starts_with("error: ") && said.contains("\nhint: "),
            "{words}: {said}"
        );
    }
}

#[test]
fn without_systemd_every_command_that_needs_systemd_names_systemctl() {
    for words in ["status", "restart", "uninstall", "recover"] {
        let script = format!("mount -t tmpfs tmpfs /usr/bin; exec \"$0\" {words}");
        let output = in_namespace(&script).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{words}: {said}");
        assert!(said.contains("cannot run systemctl"), "{words}: {said}");
    }
}

#[test]
fn the_error_for_an_unusable_state_file_says_what_to_do() {
    for content in ["", "{", "{\\\"version\\\":9}"] {
        for words in ["status", "restart", "activate", "commit"] {
            let script = format!(
                "printf '%s' \"{content}\" > /var/lib/flipless/state.json; exec \"$0\" {words}"
            );
            let output = in_namespace(&script).output().unwrap();
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{words}: {said}");
            assert!(
                said.contains("mv /var/lib/flipless/state.json"),
                "{words}: {said}"
            );
        }
    }
}

#[test]
fn the_error_for_a_full_or_read_only_disk_has_a_hint() {
    let full = "head -c 70000 /dev/zero > /var/lib/flipless/big || true";
    let small = "mount -t tmpfs -o size=64k tmpfs /var/lib/flipless";
    let state = r#"{"version":1,"front":"nginx","next_run":3,"current":{"release":"a","run":"a-1","since":1},"previous":null,"staged":null}"#;
    for (prepare, expected) in [
        (
            format!("{small}; printf '%s' '{state}' > /var/lib/flipless/state.json; {full}"),
            "df -h",
        ),
        (
            format!(
                "printf '%s' '{state}' > /run/s; {small}; cp /run/s /var/lib/flipless/state.json; mount -o remount,ro /var/lib/flipless"
            ),
            "dmesg",
        ),
    ] {
        // systemd does not run in the namespace, so a systemctl that always succeeds replaces the real one.
        let systemctl = "mkdir /run/bin; printf '#!/bin/sh\\n' > /run/bin/systemctl; chmod +x /run/bin/systemctl; mount --bind /run/bin/systemctl /usr/bin/systemctl";
        let script = format!("{prepare}; {systemctl}; exec \"$0\" restart");
        let output = in_namespace(&script).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("cannot write /var/lib/flipless/state.json"),
            "{said}"
        );
        assert!(
            said.contains("\nhint: ") && said.contains(expected),
            "{said}"
        );
    }
}

#[test]
fn a_waiting_agent_ends_at_once_by_sigterm_and_leaves_the_lock_to_others() {
    let script = r#"
        exec 9> /run/flipless/lock
        flock 9
        "$0" restart 9>&- &
        agent=$!
        # Waits until the agent has opened the lock. From then on the agent sleeps between two looks at the lock.
        until [ "$(readlink /proc/$agent/exe)" = "$0" ] && ls -l /proc/$agent/fd | grep -q flipless/lock
        do kill -0 $agent; sleep 0.01; done
        grep SigCgt /proc/$agent/status
        kill -TERM $agent
        status=0
        wait $agent || status=$?
        echo "ended $status"
        exec 9>&-
        flock --nonblock /run/flipless/lock echo "free"
    "#;
    let mut child = in_namespace(&format!("mount -t proc proc /proc; {script}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let said: Vec<String> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .collect();
    let mut complaints = String::new();
    let _ = child.stderr.take().unwrap().read_to_string(&mut complaints);
    let status = child.wait().unwrap();
    assert!(
        status.success() && status.signal().is_none(),
        "{said:?} {complaints}"
    );
    assert!(
        begun.elapsed() < PATIENCE,
        "it did not wait for the lock's limit"
    );
    let caught = said[0].split_whitespace().nth(1).unwrap();
    let caught = u64::from_str_radix(caught, 16).unwrap();
    assert_eq!(
        caught & (1 << (15 - 1)),
        0,
        "SIGTERM has no handler: {said:?}"
    );
    assert_eq!(said[1..], ["ended 143", "free"]);
}
