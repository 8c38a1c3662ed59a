//! HTTPS on real instances under load, with a real certificate authority: the first certificate, renewals, faults of
//! the authority and of the clock, deployments, kills and a reboot. Needs root on Linux.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "https/authority.rs"]
mod authority;
mod booted;
#[path = "https/certbot.rs"]
mod certbot;
#[path = "https/faults.rs"]
mod faults;
#[path = "https/life.rs"]
mod life;
mod rig;
#[path = "https/scan.rs"]
mod scan;
#[path = "https/shop.rs"]
mod shop;

use rehearse::image::Suite;
use shop::Shop;

#[test]
fn https_loses_no_request_on_a_current_nginx() {
    if booted::unavailable() {
        return;
    }
    let mut shop = Shop::launch_without_an_authority(Suite::Forky);
    life::before_a_reboot(&mut shop);
    life::a_reboot(&mut shop);
}

/// nginx before 1.27.4 closes idle connections in a reload. Only this test plays the faults of the authority and of the
/// clock, because one version of nginx is enough for them.
#[test]
fn https_loses_only_idle_connections_on_an_old_nginx() {
    if booted::unavailable() {
        return;
    }
    let mut shop = Shop::launch_without_an_authority(Suite::Bookworm);
    life::before_a_reboot(&mut shop);
    faults::of_the_authority(&mut shop);
    faults::of_the_clock(&mut shop);
    life::a_reboot(&mut shop);
}

/// certbot adds its listener in each deployment. From the second deployment on, no request is lost.
#[test]
fn certbot_in_a_hook_loses_no_request_on_a_current_nginx() {
    if booted::unavailable() {
        return;
    }
    certbot::in_hooks(Suite::Forky);
}

#[test]
fn certbot_in_a_hook_loses_only_idle_connections_on_an_old_nginx() {
    if booted::unavailable() {
        return;
    }
    certbot::in_hooks(Suite::Bookworm);
}

/// A short piece of a soak with domains. Renewals begin at any moment of the deployments, and nginx dies at any moment.
#[test]
fn deployments_renewals_and_kills_of_nginx_together_lose_nothing() {
    if booted::unavailable() {
        return;
    }
    let soaked = booted::soak(4, SEED, Suite::Forky, &shop::bundle_with_https());
    let run = &soaked.played.run;
    println!("{:?} {:?} {:?}", soaked.soak, run.summary, run.reasons);
    assert!(run.ok, "{:?}", run.reasons);
    assert!(soaked.soak.renewals > 1, "{:?}", soaked.soak);
    let kills = soaked
        .soak
        .rows
        .iter()
        .find(|row| row.name.contains("killed nginx"));
    assert!(kills.is_some(), "{:?}", soaked.soak);
}

/// With this seed the four steps are: a changed proxy with a kill and a renewal, an abort with a kill and a renewal, a
/// rollback, and a new version with a renewal.
const SEED: u64 = 13;
