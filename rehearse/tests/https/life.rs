//! The usual events of an instance: its first certificate, renewals, deployments, kills of nginx, and a reboot.

use std::collections::BTreeSet;

use rehearse::record::{Certificate, Kind, Record};

use crate::authority::heal;
use crate::scan;
use crate::shop::Shop;

pub fn before_a_reboot(shop: &mut Shop) {
    the_first_certificate(shop);
    scan::finds_nothing_weak(shop);
    renewals(shop);
    deployments(shop);
    a_killed_nginx(shop);
}

fn certificates(records: &[Record]) -> BTreeSet<Certificate> {
    let sent = records.iter().filter_map(|record| record.certificate);
    sent.collect()
}

/// nginx sends a self-signed certificate until the first certificate is there.
fn the_first_certificate(shop: &mut Shop) {
    let self_signed = shop.served();
    let said = shop.rig.say("/opt/flipless/bin/flipless status");
    assert!(said.contains("self-signed"), "{said}");
    let records = shop.under_load("the first certificate", |shop| {
        heal(&shop.rig);
        // The renewal is forced, because the program waits after an earlier failure.
        assert!(shop.renew(true, None), "{}", shop.evidence());
        shop.wait_for_another(self_signed);
    });
    assert!(
        certificates(&records).len() >= 2,
        "nginx has sent both certificates"
    );
    let resumed = |record: &&Record| record.kind == Kind::TlsResumed;
    assert!(records.iter().filter(resumed).count() > 10);
    let said = shop.rig.say("/opt/flipless/bin/flipless status");
    assert!(!said.contains("self-signed"), "{said}");
}

fn renewals(shop: &mut Shop) {
    let records = shop.under_load("three renewals", |shop| {
        for _ in 0..3 {
            let before = shop.served();
            assert!(shop.renew(true, None), "{}", shop.evidence());
            shop.wait_for_another(before);
        }
    });
    assert!(
        certificates(&records).len() >= 4,
        "nginx has sent each certificate"
    );
    // No renewal is due and none has failed, so the program sends no order.
    let (asked, served) = (crate::authority::orders(&shop.rig), shop.served());
    assert!(shop.renew(false, None), "{}", shop.evidence());
    assert_eq!(crate::authority::orders(&shop.rig), asked);
    assert_eq!(shop.served(), served);
}

/// The certificate belongs to the instance, not to a release.
fn deployments(shop: &mut Shop) {
    let served = shop.served();
    shop.under_load("a deployment, a changed proxy and a rollback", |shop| {
        shop.rig.deploy();
        let file = (
            ".platform/nginx/conf.d/own.conf",
            "server_tokens off;\n",
            0o644,
        );
        let changed = shop.rig.version(&[file]);
        shop.rig.engine.deploy(&changed).outcome.unwrap();
        shop.rig.must("/opt/flipless/bin/flipless rollback");
    });
    assert_eq!(shop.served(), served);
}

fn a_killed_nginx(shop: &mut Shop) {
    shop.under_load("three kills of nginx", |shop| {
        (0..3).for_each(|_| kill_nginx(shop));
    });
}

/// Kills nginx's master, and waits for the next one.
pub fn kill_nginx(shop: &Shop) {
    let master = || {
        shop.rig
            .say("systemctl show --value -p MainPID flipless-front.service")
    };
    let before = master();
    shop.rig.must(&format!("kill -9 {before}"));
    let restarted = rehearse::machine::wait_for(crate::rig::PATIENCE, || {
        let state = shop.rig.say("systemctl is-active flipless-front.service");
        let now = master();
        (state == "active" && now != before && now != "0").then_some(())
    });
    assert!(restarted.is_some(), "{}", shop.evidence());
}

/// Reboots the instance. The first request over HTTPS succeeds, and nginx sends the same certificate as before.
pub fn a_reboot(shop: &mut Shop) {
    let served = shop.served();
    shop.rig.engine.reboot().unwrap().outcome.unwrap();
    assert_eq!(shop.served(), served, "{}", shop.evidence());
    shop.under_load("a deployment after a reboot", |shop| shop.rig.deploy());
    shop.rig.settle();
}
