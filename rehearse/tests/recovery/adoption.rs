//! Interrupted adoptions. The old application continues to serve, or gets its ports back.

use rehearse::engine::Properties;
use rehearse::image::Suite;
use rehearse::machine::wait_for;

use crate::booted;
use crate::rig::Rig;
use crate::{EXPIRY, PATIENCE};

const HOOK: &str = ".platform/hooks/predeploy/~~after-ours.sh";
const WEB_PID: &str = "systemctl show --value -p MainPID web.service";
const KILL_WEB: &str = "systemctl kill --kill-whom=main --signal=KILL web.service";

/// Waits until the old application answers with another process than `before`. Asserts that nothing of flipless is
/// left.
fn assert_stock(rig: &Rig, before: &str, when: &str) {
    let again = wait_for(PATIENCE, || {
        let other = rig.say(WEB_PID) != before;
        (other && rig.body("/").contains("release stock")).then_some(())
    });
    let journal = rig.say("journalctl -n 60 --no-pager");
    assert!(again.is_some(), "{when}: {journal}");
    assert_eq!(
        rig.say("ls -d /opt/flipless /var/lib/flipless 2>/dev/null"),
        "",
        "{when}"
    );
    assert_eq!(rig.active_runs(), [""; 0], "{when}");
    let sandbox = rig.say("systemctl show --value -p PrivateNetwork web.service");
    assert_eq!(sandbox, "no", "{when}: the drop-in is gone");
}

fn assert_front_runs(rig: &Rig) {
    let front = rig.say("systemctl is-active flipless-front.service nginx.service");
    assert_eq!(front, "active\nactive");
}

#[test]
fn an_aborted_adoption_leaves_the_stock_application_to_crash_and_restart() {
    if booted::unavailable() {
        return;
    }
    for suite in [Suite::Bookworm, Suite::Forky] {
        let mut rig = Rig::launch_stock(suite);
        // A hook that runs after flipless's own hook fails, and EB aborts the deployment before the flip.
        let aborted = rig.version(&[(HOOK, "#!/bin/sh\nexit 1\n", 0o755)]);
        let abort = |rig: &mut Rig| {
            rig.engine.deploy(&aborted).outcome.unwrap_err();
            assert!(rig.status()["staged"]["run"].is_string());
            rig.say(WEB_PID)
        };
        let before = abort(&mut rig);
        rig.must(KILL_WEB);
        assert_stock(&rig, &before, "a crash");
        let before = abort(&mut rig);
        rig.engine.restart_app_server().outcome.unwrap();
        assert_stock(&rig, &before, "restart app server");

        // The old application crashes during a deployment that is not aborted. EB still flips.
        let drop_in = "/run/systemd/system/web.service.d/zz-flipless.conf";
        let crash = format!(
            "#!/bin/sh\n{KILL_WEB}\nfor _ in $(seq 300); do [ -e {drop_in} ] || exit 0; sleep 0.1; done\nexit 1\n"
        );
        let late = rig.version(&[(HOOK, &crash, 0o755)]);
        rig.engine.deploy(&late).outcome.unwrap();
        rig.wait_until_serving();
        assert_eq!(rig.active_runs(), [rig.current()]);
        assert_front_runs(&rig);
        rig.deploy();
        rig.settle();
    }
}

/// The old application crashes repeatedly, before it listens on its port. The adoption replaces it.
#[test]
fn an_old_application_that_crashes_all_the_time_is_replaced() {
    if booted::unavailable() {
        return;
    }
    let mut rig = Rig::launch_stock(Suite::Bookworm);
    let restless = "[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nRestartSec=300ms\\n";
    rig.must(&format!(
        "mkdir -p /run/systemd/system/web.service.d && cd /run/systemd/system/web.service.d && \
         printf '{restless}' > restless.conf && systemctl daemon-reload && \
         rm /var/app/current/app.conf && {KILL_WEB}"
    ));
    for _ in 0..3 {
        let bundle = rig.version(&[]);
        rig.engine.deploy(&bundle).outcome.unwrap();
        rig.wait_until_serving();
        assert_eq!(rig.active_runs().len(), 1);
    }
    assert_front_runs(&rig);
    let nginx = rig.say("systemctl show --value -p Type nginx.service");
    assert_eq!(nginx, "notify", "the stand-in");
    rig.settle();
}

#[test]
fn a_first_version_that_never_starts_gives_the_public_port_back() {
    if booted::unavailable() {
        return;
    }
    let mut rig = Rig::launch_stock(Suite::Bookworm);
    let broken = rig.version(&[("bin/server", "#!/bin/sh\nexit 1\n", 0o755)]);
    rig.engine.deploy(&broken).outcome.unwrap_err();
    let given_back = wait_for(EXPIRY, || {
        let units = rig.say("systemctl list-units --plain --no-legend 'flipless-*'");
        units.is_empty().then_some(())
    });
    let journal = rig.say("journalctl -n 60 --no-pager");
    assert!(given_back.is_some(), "{}\n{journal}", rig.status());
    let nginx = rig.say("systemctl show --value -p Type nginx.service");
    assert_eq!(nginx, "forking", "EB's own");
    let left =
        rig.say("ls -d /etc/systemd/system/flipless* /run/systemd/system/flipless* 2>/dev/null");
    assert_eq!(left, "");
    assert_refused_for_a_missing_secret(&mut rig);
    rig.deploy();
    rig.wait_until_serving();
    rig.settle();
}

/// Sets a secret that only EB's own file contains, so the flip of a first version fails. Then the bundle's server
/// serves as on stock EB, with EB's file as its environment.
fn assert_refused_for_a_missing_secret(rig: &mut Rig) {
    let secret = |value: &str| Properties::from([("FLIPLESS_TEST_WITHHELD".into(), value.into())]);
    rig.engine.withhold_secrets(secret("hunter2"));
    let bundle = rig.version(&[]);
    rig.engine.deploy(&bundle).outcome.unwrap_err();
    rig.engine.withhold_secrets(Properties::new());
    let served = wait_for(PATIENCE, || {
        (rig.body("/env?name=FLIPLESS_TEST_WITHHELD") == "hunter2").then_some(())
    });
    let journal = rig.say("journalctl -n 60 --no-pager");
    let nginx = rig.say("systemctl status --no-pager nginx.service; ss -ltn");
    assert!(served.is_some(), "{journal}{nginx}");
    assert!(
        journal.contains("deployment/env: FLIPLESS_TEST_WITHHELD"),
        "{journal}"
    );
    assert!(!journal.contains("hunter2"), "{journal}");
    let units = rig.say("systemctl list-units --plain --no-legend 'flipless-*'");
    assert_eq!(units, "");
}
