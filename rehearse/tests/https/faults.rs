//! Faults of the authority and of the clock. nginx continues to send the old certificate.

use rehearse::machine::wait_for;

use crate::authority::{Fault, heal, orders, suffer};
use crate::rig::PATIENCE;
use crate::shop::{RENEWAL, Shop};

pub fn of_the_authority(shop: &mut Shop) {
    shop.under_load("faults of the authority", |shop| {
        for (fault, reason) in [
            (Fault::Gone, "refused"),
            (
                Fault::Orders {
                    status: 403,
                    kind: "rejectedIdentifier",
                    detail: "these names are on a list",
                },
                "these names are on a list",
            ),
            (
                Fault::Orders {
                    status: 429,
                    kind: "rateLimited",
                    detail: "too many certificates already issued",
                },
                "too many certificates already issued",
            ),
            (Fault::Chain, "certificate"),
        ] {
            suffers(shop, &fault, reason);
        }
        hangs_in_a_deployment(shop);
        forgets(shop);
    });
}

/// Asserts that the status shows the authority's own words, and that the program waits before it sends another order.
fn suffers(shop: &Shop, fault: &Fault, reason: &str) {
    let served = shop.served();
    suffer(&shop.rig, fault);
    assert!(!shop.renew(true, None), "{reason}: {}", shop.evidence());
    assert_fails_on(shop, reason);
    heal(&shop.rig);
    assert_eq!(shop.served(), served);
    let asked = orders(&shop.rig);
    shop.renew(false, None);
    assert_eq!(
        orders(&shop.rig),
        asked,
        "{reason}: the program asks again at once"
    );
}

fn assert_fails_on(shop: &Shop, reason: &str) {
    let progress = shop.progress();
    let said = progress["last_error"].as_str().unwrap_or_default();
    assert!(said.contains(reason), "{reason}: {progress:#}");
    let status = shop.rig.say("/opt/flipless/bin/flipless status");
    assert!(status.contains(reason), "{reason}: {status}");
}

/// Asserts that a deployment does not wait for an authority that hangs.
fn hangs_in_a_deployment(shop: &mut Shop) {
    let served = shop.served();
    suffer(&shop.rig, &Fault::Hangs);
    shop.change_renewal(true, None);
    shop.rig
        .must(&format!("systemctl start --no-block {RENEWAL}"));
    shop.rig.deploy();
    let ended = wait_for(2 * PATIENCE, || {
        let state = shop.rig.say(&format!("systemctl is-active {RENEWAL}"));
        (state == "failed").then_some(())
    });
    assert!(ended.is_some(), "{}", shop.evidence());
    shop.restore_renewal();
    heal(&shop.rig);
    assert_eq!(shop.served(), served);
}

/// The authority has lost the account, so the program registers again.
fn forgets(shop: &Shop) {
    let served = shop.served();
    suffer(&shop.rig, &Fault::Forgets);
    assert!(shop.renew(true, None), "{}", shop.evidence());
    shop.wait_for_another(served);
}

/// The program's clock jumps, and later shows the right time again. The program then renews the certificate, although
/// the certificate seemed to have expired and the program's record has a time in the future.
pub fn of_the_clock(shop: &mut Shop) {
    shop.under_load("jumps of the clock", |shop| {
        let served = shop.served();
        // If the clock is 20 days fast, no renewal is due. If the clock is 70 days fast, a renewal is due. The
        // authority's clock is right, so for the program the new certificate is already 70 days old.
        shop.renew(false, Some("+20d"));
        assert_eq!(shop.served(), served);
        shop.renew(false, Some("+70d"));
        shop.renew(false, Some("-400d"));
        shop.rig
            .must("/opt/flipless/bin/flipless install-certificate");
        let before = shop.served();
        assert!(shop.renew(true, None), "{}", shop.evidence());
        shop.wait_for_another(before);
        let progress = shop.progress();
        assert_eq!(progress["failures"], 0, "{progress:#}");
    });
}
