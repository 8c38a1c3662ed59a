//! Direct mode: the server itself has the public port, and nothing repeats a request.

use std::time::Duration;

use rehearse::image::Suite;
use rehearse::machine::{Instance, Machine, wait_for};
use rehearse::record::{Kind, Outcome, Record};

use crate::PATIENCE;
use crate::booted;
use crate::image::{identify, reboot_as_another_instance};
use crate::rig::{Rig, assert_nothing_lost, lost};

/// Takes the place of restorecon(8), which Debian does not have.
const RESTORECON: &str = "#!/bin/sh\necho \"$@\" >> /var/log/restorecon\n";
/// Prints the files of the health log that nginx's workers can't write to.
const FOREIGN_LOGS: &str = "find /var/log/nginx/healthd -type f ! -user nginx";
const HEALTH_LOG: &str = "stat -c '%U:%G %a' /var/log/nginx/healthd";
/// Records the OOM score of the staged run, while the run is held.
const LOOK: &str = "#!/bin/sh
pid=$(systemctl show --value -p MainPID \"flipless-app@$(head -n 1 flipless-run).service\")
cat /proc/$pid/oom_score_adj > /run/held-score
";

fn prepare(machine: &Machine) {
    let program = machine.root().join("usr/sbin/restorecon");
    std::fs::write(program, RESTORECON).unwrap();
    booted::say(machine, "chmod 755 /usr/sbin/restorecon");
    identify(machine);
}

#[test]
fn direct_mode_goes_through_everything_that_nginx_mode_does() {
    if booted::unavailable() {
        return;
    }
    let mut rig = Rig::launch_stock_before_direct(Suite::Bookworm, prepare);
    let stock = rig.say(HEALTH_LOG);
    adopt_and_update(&mut rig);
    crash(&rig);
    recover(&mut rig);
    rig.engine.reboot().unwrap().outcome.unwrap();
    rig.wait_until_serving();
    assert_eq!(rig.active_runs(), [rig.current()]);
    reboot_as_another_instance(&mut rig);
    uninstall(&mut rig, &stock);
    // Deploys a bundle without flipless, this time without `flipless uninstall` before it.
    rig.deploy_stock();
    assert!(rig.body("/").contains("release stock"));
    assert_eq!(rig.say(HEALTH_LOG), stock);
    assert_eq!(
        rig.say("ls -d /opt/flipless /var/lib/flipless 2>/dev/null"),
        ""
    );
}

fn adopt_and_update(rig: &mut Rig) {
    rig.deploy();
    rig.wait_until_serving();
    let labelled = rig.say("cat /var/log/restorecon");
    let unit = format!(
        "-RF /etc/systemd/system/flipless-app@{}.service",
        rig.current()
    );
    for line in [
        "-RF /opt/flipless",
        "-RF /etc/systemd/system/flipless-app.socket",
        &unit,
    ] {
        assert!(
            labelled.lines().any(|said| said == line),
            "{line}: {labelled}"
        );
    }
    let load = rig.load();
    let look = [(".platform/hooks/predeploy/~~look.sh", LOOK, 0o755)];
    let bundle = rig.version(&look);
    rig.engine.deploy(&bundle).outcome.unwrap();
    assert_nothing_lost(&load.stop().unwrap());
    assert_eq!(rig.say("cat /run/held-score"), "1000");
    assert_eq!(score(rig), "0");
}

/// Returns the score of the current run, by which the kernel chooses a process to end if memory runs out (proc(5)).
fn score(rig: &Rig) -> String {
    rig.say(&format!("cat /proc/{}/oom_score_adj", pid(rig)))
}

fn pid(rig: &Rig) -> String {
    rig.say(&format!(
        "systemctl show --value -p MainPID flipless-app@{}.service",
        rig.current()
    ))
}

/// A crash loses the requests in flight, and no others: new connections wait for the next process.
fn crash(rig: &Rig) {
    let load = rig.load();
    let before = pid(rig);
    let start = rig.now();
    rig.must(&format!("kill -KILL {before}"));
    let again = wait_for(PATIENCE, || {
        (pid(rig) != before && pid(rig) != "0").then_some(())
    });
    assert!(again.is_some());
    rig.wait_until_serving();
    let end = rig.now();
    load.wait_for(load.records_so_far() + 400, PATIENCE)
        .unwrap();
    let records = load.stop().unwrap();
    let lost = lost(&records);
    println!(
        "{} of {} requests lost in the crash",
        lost.len(),
        records.len()
    );
    assert!(!lost.is_empty(), "nothing repeats a request in direct mode");
    let in_flight = |record: &Record| {
        let is_over = record.at + record.latency >= start;
        // The listener stays open, so no connection is refused. A client may send a request on a kept connection that
        // has just ended.
        let latest = if record.kind == Kind::New {
            end
        } else {
            end + Duration::from_secs(3)
        };
        record.outcome != Outcome::Refused && is_over && record.at <= latest
    };
    let others: Vec<_> = lost.iter().filter(|record| !in_flight(record)).collect();
    assert!(others.is_empty(), "{start:?} {end:?}: {others:?}");
    assert_eq!(
        score(rig),
        "0",
        "a current run that starts again is not held"
    );
}

/// A release that crashes repeatedly is rolled back.
fn recover(rig: &mut Rig) {
    let good = rig.release();
    rig.deploy();
    let bad = rig.current();
    assert_ne!(rig.release(), good);
    let mut last = String::new();
    let back = wait_for(PATIENCE, || {
        let now = pid(rig);
        if now != last && now != "0" && !now.is_empty() && rig.current() == bad {
            rig.say(&format!("kill -KILL {now}"));
            last = now;
        }
        (rig.release() == good).then_some(())
    });
    assert!(back.is_some(), "{}", rig.status());
    rig.wait_until_serving();
    assert_eq!(
        score(rig),
        "0",
        "the sandbox of `recover` lets it lower the score"
    );
    rig.deploy();
    rig.settle();
}

/// Uninstalls flipless, and deploys it again. In direct mode EB's nginx listens on no port, so no process serves in
/// between, and the deployment finds the public port free.
fn uninstall(rig: &mut Rig, stock: &str) {
    rig.must("/opt/flipless/bin/flipless uninstall");
    assert_eq!(rig.body("/"), "");
    let left = rig.say("ls -d /opt/flipless /etc/systemd/system/flipless* 2>/dev/null");
    assert_eq!(left, "");
    assert_eq!(rig.say(HEALTH_LOG), stock);
    assert_eq!(rig.say(FOREIGN_LOGS), "", "nginx continues them");
    rig.deploy();
    rig.wait_until_serving();
    // logrotate skips a folder if a group other than root may write to it.
    assert_eq!(
        rig.say(HEALTH_LOG),
        "nginx:root 775",
        "the server writes it"
    );
}
