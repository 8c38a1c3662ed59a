//! Scenarios whose latency is not judged, because other tests run at the same time.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use flipless_settings::FrontMode;
use rehearse::engine::variants;
use rehearse::image::Suite;
use rehearse::record::{Kind, Record};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::booted;

#[test]
fn long_scenarios_lose_no_request() {
    if booted::unavailable() {
        return;
    }
    let bundle = booted::project_bundle(FrontMode::Nginx);
    for name in booted::LONG {
        let result = booted::play(name, Suite::Bookworm, &bundle, variants::STANDARD);
        booted::went_well(&result);
        assert_eq!(result.summary.failed, 0, "{name}");
    }
}

#[test]
fn scenarios_without_a_judged_latency_go_well() {
    if booted::unavailable() {
        return;
    }
    let bundle = booted::project_bundle(FrontMode::Nginx);
    for name in booted::UNTIMED {
        let run = booted::play(name, Suite::Bookworm, &bundle, variants::STANDARD);
        booted::went_well(&run);
    }
    for name in booted::UNTIMED_ON_CURRENT_NGINX {
        let run = booted::play(name, Suite::Forky, &bundle, variants::STANDARD);
        booted::went_well(&run);
        assert_eq!(run.summary.failed, 0, "{name}");
    }
}

/// In direct mode EB's own nginx runs without a listener, and only the demonstration server has a property that makes it
/// unhealthy. The scenarios say so, and do not blame flipless.
#[test]
fn a_scenario_that_a_bundle_cannot_play_has_a_note() {
    if booted::unavailable() {
        return;
    }
    let bundle = booted::relay_bundle(FrontMode::Direct);
    for (name, note) in [
        ("changed-proxy", "note: nginx's answers were not checked"),
        ("kill-nginx", "note: nothing was killed"),
        ("unhealthy", "note: nothing was deployed"),
    ] {
        let run = booted::play(name, Suite::Bookworm, &bundle, variants::STANDARD);
        booted::went_well(&run);
        let noted = run.reasons.iter().any(|reason| reason.starts_with(note));
        assert!(noted, "{name}: {:?}", run.reasons);
    }
}

#[test]
fn the_same_deployment_behind_a_stock_front_shows_its_outage() {
    if booted::unavailable() {
        return;
    }
    let run = booted::play(
        "new-version",
        Suite::Bookworm,
        &booted::project_bundle(FrontMode::Stock),
        variants::STANDARD,
    );
    assert!(!run.ok);
    // At 200 connections a second, port 80 is closed for at least half a second.
    assert!(run.summary.kinds.refused > 100, "{:?}", run.summary);
    assert!(
        run.reasons
            .iter()
            .any(|reason| reason.contains("requests failed"))
    );
}

/// Requests are in flight when the server dies, and nginx repeats them on the next server. The test uses an
/// older and a newer nginx, because they keep upstream connections in different ways.
#[test]
fn a_killed_server_costs_no_request_that_can_be_sent_again() {
    if booted::unavailable() {
        return;
    }
    let bundle = booted::project_bundle(FrontMode::Nginx);
    for suite in [Suite::Bookworm, Suite::Forky] {
        let run = booted::play(booted::KILL_APP, suite, &bundle, variants::STANDARD);
        booted::went_well(&run);
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

/// The relay closes the connections of a killed server without an answer, and nginx repeats the requests.
#[test]
fn a_killed_server_behind_a_relay_costs_no_request_that_can_be_sent_again() {
    if booted::unavailable() {
        return;
    }
    let bundle = booted::relay_bundle(FrontMode::Nginx);
    let run = booted::play(
        booted::KILL_CHILD,
        Suite::Bookworm,
        &bundle,
        variants::STANDARD,
    );
    assert_eq!(run.summary.failed, 0);
    // The server needs 20 ms for an answer. A repeated request also waits for systemd's RestartSec= of 100 ms.
    let killed = run.deploy.start..run.deploy.end;
    let repeated = |record: &&Record| {
        record.at < killed.end && record.latency > std::time::Duration::from_millis(100)
    };
    assert!(run.records.iter().filter(repeated).count() > 1);
}

/// A short soak, which covers everything that longer soaks have found. The faults depend only on the seed.
#[test]
fn deployments_in_a_row_with_faults_lose_nothing_and_leave_nothing() {
    if booted::unavailable() {
        return;
    }
    let bundle = booted::project_bundle(FrontMode::Nginx);
    let soaked = booted::soak(12, 1, Suite::Forky, &bundle);
    let run = &soaked.played.run;
    assert!(run.ok, "{:?}", run.reasons);
    assert_eq!(soaked.soak.deployments, 12);
    assert!(soaked.soak.kills > 2, "{:?}", soaked.soak);
}

#[test]
fn a_soak_whose_instance_ends_has_a_partial_result() {
    if booted::unavailable() {
        return;
    }
    booted::image(Suite::Bookworm);
    booted::take_place();
    let machines = booted::store("machines");
    let mut soak = Command::new(env!("CARGO_BIN_EXE_rehearse"))
        .args(["--soak", "500", "--json", "--from"])
        .arg(booted::project_bundle(FrontMode::Nginx))
        .env("CARGO_TARGET_DIR", machines.ancestors().nth(2).unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let groups = machines.join(format!("flipless-{}-0/groups", soak.id()));
    let mut lines = BufReader::new(soak.stderr.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().contains(" 2/500 "));
    for group in std::fs::read_to_string(groups).unwrap().lines() {
        kill_all(Path::new(group));
    }
    let said: Vec<_> = lines.map(Result::unwrap).collect();
    let output = soak.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{said:#?}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let deployments = result["soak"]["deployments"].as_u64().unwrap();
    assert!((2..6).contains(&deployments), "{result:#}");
    let reasons = result["runs"][0]["reasons"].to_string();
    assert!(
        reasons.contains("the soak ended early: the instance has ended"),
        "{reasons}"
    );
}

/// Kills the processes of a control group and of the groups below.
fn kill_all(group: &Path) {
    // A group may vanish with its last process.
    let entries = std::fs::read_dir(group).into_iter().flatten();
    for entry in entries.flatten() {
        if entry.file_type().unwrap().is_dir() {
            kill_all(&entry.path());
        }
    }
    let pids = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for pid in pids
        .lines()
        .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
    {
        let _ = kill_process(pid, Signal::KILL);
    }
}
