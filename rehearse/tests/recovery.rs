//! Faults on a real instance under load: the agent is killed at chosen system calls, a deployment is aborted, a release
//! crashes, the disk is full, and fifty deployments follow each other. Needs root on Linux.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "recovery/adoption.rs"]
mod adoption;
mod booted;
#[path = "recovery/compromised.rs"]
mod compromised;
#[path = "recovery/direct.rs"]
mod direct;
#[path = "recovery/image.rs"]
mod image;
#[path = "recovery/kills.rs"]
mod kills;
#[path = "recovery/overlap.rs"]
mod overlap;
mod rig;
#[path = "recovery/scenarios.rs"]
mod scenarios;
#[path = "recovery/writable.rs"]
mod writable;

use std::time::Duration;

use rehearse::image::Suite;
use rehearse::machine::wait_for;
use rig::{Rig, assert_nothing_lost, lost};

/// Longer than the dead man's switch of the project's bundle waits (`rig::DEAD_MAN_SECONDS`) after a
/// daemon-reload.
const EXPIRY: Duration = Duration::from_secs(120);
const PATIENCE: Duration = Duration::from_secs(40);

/// EB aborts the deployment after `stage`, because a hook that runs after flipless's own hook fails.
#[test]
fn a_deployment_that_dies_after_the_staging_is_discarded_by_the_dead_mans_switch() {
    if booted::unavailable() {
        return;
    }
    let mut rig = Rig::launch_after(Suite::Bookworm, image::identify);
    let load = rig.load();
    let current = rig.current();
    let dying = [(
        ".platform/hooks/predeploy/~~die.sh",
        "#!/bin/sh\nexit 1\n",
        0o755,
    )];
    let bundle = rig.version(&dying);
    rig.engine.deploy(&bundle).outcome.unwrap_err();
    let staged = rig.status()["staged"]["run"].as_str().unwrap().to_owned();
    assert!(rig.is_active(&staged), "it is ready");
    for _ in 0..5 {
        rig.must("systemctl daemon-reload");
    }
    assert!(
        rig.is_active(&staged),
        "a daemon-reload makes the timer late, never early"
    );
    // A premature start of the dead man's switch discards nothing, either. The agent compares the id of the boot with
    // that of the staging, which also works in the sandbox of the unit.
    rig.must("systemctl start flipless-deadman.service");
    assert_eq!(rig.status()["staged"]["run"].as_str(), Some(&*staged));
    assert!(rig.is_active(&staged));
    let given_up = wait_for(EXPIRY, || rig.status()["staged"].is_null().then_some(()));
    assert!(given_up.is_some(), "{}", rig.status());
    assert!(wait_for(PATIENCE, || (!rig.is_active(&staged)).then_some(())).is_some());
    assert_eq!(rig.current(), current);
    let records = load.stop().unwrap();
    assert_nothing_lost(&records);
    let served = |run: &str| {
        records
            .iter()
            .any(|record| record.run.as_deref() == Some(run))
    };
    assert!(
        served(&current) && !served(&staged),
        "a held run answers no request"
    );

    // The same deployment, followed by a reboot.
    rig.engine.deploy(&bundle).outcome.unwrap_err();
    assert!(!rig.status()["staged"].is_null());
    rig.engine.reboot().unwrap().outcome.unwrap();
    rig.wait_until_serving();
    assert!(rig.status()["staged"].is_null(), "{}", rig.status());
    assert_eq!(rig.active_runs(), [current]);
    rig.deploy();
    rig.settle();
    image::reboot_as_another_instance(&mut rig);
}

#[test]
fn a_new_release_that_crashes_repeatedly_is_rolled_back() {
    if booted::unavailable() {
        return;
    }
    let mut rig = Rig::launch(Suite::Bookworm);
    let good = rig.release();
    rig.deploy();
    let (bad, bad_run) = (rig.release(), rig.current());
    assert_ne!(bad, good);
    let load = rig.load();
    let unit = format!("flipless-app@{bad_run}.service");
    // The test kills the real server each time after systemd has restarted it, and only as often as a rollback needs.
    // The first end has exit status 0. SEGV does not work here, because Rust's own handler of SIGSEGV expects the fault
    // to occur again.
    let mut signals = ["TERM", "ABRT", "ABRT"].into_iter();
    let pid = || rig.say(&format!("systemctl show --value -p MainPID {unit}"));
    let mut last = String::new();
    let back = wait_for(PATIENCE, || {
        let now = pid();
        if now != last && now != "0" && !now.is_empty() && rig.current() == bad_run {
            if let Some(signal) = signals.next() {
                rig.say(&format!("kill -{signal} {now}"));
            }
            last = now;
        }
        (rig.release() == good).then_some(())
    });
    assert!(
        back.is_some(),
        "{}\n{}",
        rig.status(),
        rig.say("journalctl -n 50 --no-pager")
    );
    let status = rig.status();
    let reason = status["failure"]["reason"].as_str().unwrap().to_owned();
    assert!(
        reason.contains(&bad_run) && reason.contains("ABRT"),
        "{reason}"
    );
    assert!(
        status["alarm"].as_str().unwrap().contains(&bad_run),
        "{status}"
    );
    // EB's health sees that the process of `web` has failed.
    let failed = wait_for(PATIENCE, || {
        (rig.say("systemctl is-active web.service") == "failed").then_some(())
    });
    let journal = rig.say("journalctl -u web.service --no-pager");
    assert!(failed.is_some() && journal.contains(&bad_run), "{journal}");
    // New connections wait for the restarted server, which answers them. A request that the crashed server had begun to
    // answer may be lost.
    let records = load.stop().unwrap();
    let refused = lost(&records)
        .into_iter()
        .filter(|record| matches!(record.outcome, rehearse::record::Outcome::Refused));
    assert_eq!(refused.count(), 0);
    // "Restart app server" ends the alarm, and starts a new run of the previous release.
    let outcome = rig.engine.restart_app_server().outcome;
    assert!(
        outcome.is_ok(),
        "{outcome:?}: {}",
        rig.say("journalctl -u web -n 30 --no-pager")
    );
    assert!(rig.status()["alarm"].is_null());
    assert_eq!(rig.release(), good);
    assert!(
        wait_for(PATIENCE, || (rig.say("systemctl is-active web.service")
            == "active")
            .then_some(()))
        .is_some()
    );
    rig.deploy();
    rig.settle();
}

#[test]
fn a_rollback_by_hand_costs_nobody_a_request_and_status_tells_of_it() {
    if booted::unavailable() {
        return;
    }
    let mut rig = Rig::launch(Suite::Bookworm);
    let first = rig.release();
    rig.deploy();
    let load = rig.load();
    load.wait_for(200, PATIENCE).unwrap();
    rig.must("/opt/flipless/bin/flipless rollback");
    assert_eq!(rig.release(), first);
    let drained = wait_for(PATIENCE, || {
        let said = rig.status()["handover"]["drained"]
            .as_str()
            .map(str::to_owned);
        said.filter(|said| said.starts_with("drained "))
    });
    assert!(drained.is_some(), "{}", rig.status());
    assert_nothing_lost(&load.stop().unwrap());
    let text = rig.say("/opt/flipless/bin/flipless status");
    assert!(
        text.contains("handover") && text.contains("drained "),
        "{text}"
    );
    println!("{text}");
    // A reload of nginx.service, as in certbot's hook, reloads the real nginx.
    let workers = || {
        let master = rig.say("systemctl show --value -p MainPID flipless-front.service");
        rig.say(&format!("cat /proc/{master}/task/{master}/children"))
    };
    let before = workers();
    rig.must("systemctl reload nginx.service");
    let after = workers();
    let kept = |pid: &str| before.split_whitespace().any(|old| old == pid);
    assert!(!before.is_empty() && !after.split_whitespace().all(kept));
    // The reload reports a bad configuration, and the running nginx keeps the old one.
    let bad = "/etc/nginx/conf.d/bad.conf";
    rig.must(&format!("echo 'nonsense on;' > {bad}"));
    let said = rig.say("systemctl reload nginx.service || journalctl -u nginx.service -n 20");
    assert!(said.contains("unknown directive \"nonsense\""), "{said}");
    assert_eq!(workers(), after);
    rig.must(&format!("rm {bad} && systemctl reload nginx.service"));
}

#[test]
fn a_full_or_read_only_disk_fails_a_deployment_and_nothing_else() {
    if booted::unavailable() {
        return;
    }
    let mut rig = Rig::launch_after(Suite::Bookworm, |machine| {
        for folder in ["/opt/flipless", "/var/lib/flipless"] {
            let line =
                format!("mkdir -p {folder} && mount -t tmpfs -o size=16m,mode=755 tmpfs {folder}");
            booted::say(machine, &line);
        }
    });
    let load = rig.load();
    let current = rig.current();
    for (spoil, repair, reason) in [
        (
            "fallocate -l 15M /opt/flipless/filler 2>/dev/null || dd if=/dev/zero of=/opt/flipless/filler bs=64k; true",
            "rm /opt/flipless/filler",
            "No space left",
        ),
        (
            "dd if=/dev/zero of=/var/lib/flipless/filler bs=4k; true",
            "rm /var/lib/flipless/filler",
            "No space left",
        ),
        (
            "mount -o remount,ro /opt/flipless",
            "mount -o remount,rw /opt/flipless",
            "Read-only file system",
        ),
    ] {
        rig.say(spoil);
        let bundle = rig.version(&[]);
        let outcome = rig.engine.deploy(&bundle).outcome;
        let said = rig.say("tail -n 20 /var/log/eb-hooks.log");
        rig.must(repair);
        assert!(outcome.is_err(), "{spoil}");
        assert!(said.contains(reason), "{spoil}: {said}");
        assert_eq!(rig.current(), current);
        assert_eq!(rig.active_runs(), std::slice::from_ref(&current), "{spoil}");
    }
    rig.deploy();
    rig.settle();
    assert_nothing_lost(&load.stop().unwrap());
}

#[test]
fn fifty_deployments_leave_what_one_leaves() {
    if booted::unavailable() {
        return;
    }
    let mut rig = Rig::launch(Suite::Bookworm);
    // The commit of the last deployment removes the files of the old run if this run has drained by then. Otherwise the
    // next commit removes them.
    let settled = |rig: &Rig| {
        rig.settle();
        rig.must("/opt/flipless/bin/flipless commit");
        rig.inventory()
    };
    rig.deploy();
    rig.deploy();
    let before = settled(&rig);
    for _ in 0..50 {
        rig.deploy();
    }
    let after = settled(&rig);
    let journal = rig.say("journalctl -n 40 --no-pager");
    assert_eq!(after, before, "{journal}");
}
