//! Scenarios with the project's bundle, on real instances under load. The tests judge latencies, so `cargo xtask test`
//! runs only two of them at a time. `recovery/scenarios.rs` has the scenarios whose latency is not judged. Needs root
//! on Linux.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

mod booted;

use std::collections::BTreeSet;

use booted::{excess_ms, play, project_bundle, unavailable};
use flipless_settings::FrontMode;
use rehearse::engine::variants;
use rehearse::image::Suite;
use rehearse::record::Kind;
use rehearse::result::ScenarioResult;
use rehearse::scenario;

/// The scenarios that are played on systemd 252.
const ON_SYSTEMD_252: [&str; 6] = [
    "redeploy",
    "environment",
    "restart",
    "crash",
    "unhealthy",
    "bad-proxy",
];
/// The scenarios that are played on a current nginx.
const ON_CURRENT_NGINX: [&str; 2] = ["new-version", "changed-proxy"];
/// The scenarios that test that only the flip changes the version.
const FLIP: [&str; 4] = ["held", "late-failure", "aborted", "failed-postdeploy"];

#[test]
fn every_scenario_is_played_by_a_test() {
    let played = [
        &ON_SYSTEMD_252[..],
        &ON_CURRENT_NGINX,
        &[booted::KILL_APP, booted::KILL_CHILD],
        &FLIP,
        &booted::LONG,
        &booted::UNTIMED,
        &booted::UNTIMED_ON_CURRENT_NGINX,
    ]
    .concat();
    let unplayed = scenario::ALL.iter().map(|scenario| scenario.name);
    let unplayed: Vec<_> = unplayed.filter(|name| !played.contains(name)).collect();
    assert_eq!(unplayed, [""; 0], "no test plays these");
}

/// How much longer requests may wait in a deployment than in steady state. A deployment adds about 20 ms on a quiet
/// machine, and a stall of 150 ms adds more than 100.
const LONGER_MS: f64 = 75.0;

/// Plays a scenario, and asserts that requests did not wait longer than in steady state. If requests waited longer, the
/// machine may have been busy for a moment. So the scenario is then played twice more: a stall in every deployment
/// shows in the median.
fn plays_well(play: impl Fn() -> ScenarioResult) -> ScenarioResult {
    let run = play();
    let mut excess = vec![excess_ms(&run)];
    if excess[0] > LONGER_MS {
        excess.extend([(), ()].map(|()| excess_ms(&play())));
    }
    assert_no_stall(&run.scenario, excess);
    run
}

/// Plays a scenario as [`plays_well`] does, with the usual behaviour of EB's engine.
fn standard(name: &str, suite: Suite, bundle: &std::path::Path) -> ScenarioResult {
    plays_well(|| play(name, suite, bundle, variants::STANDARD))
}

/// Asserts that most deployments had no stall.
fn assert_no_stall(name: &str, mut excess: Vec<f64>) {
    excess.sort_by(f64::total_cmp);
    let median = excess[excess.len() / 2];
    assert!(
        median < LONGER_MS,
        "{name}: requests waited longer, in ms: {excess:.0?}"
    );
}

#[test]
fn a_new_version_is_deployed_without_a_failed_request() {
    if unavailable() {
        return;
    }
    let bundle = project_bundle(FrontMode::Nginx);
    let run = standard("new-version", Suite::Bookworm, &bundle);
    assert_eq!(run.summary.failed, 0);
    let kinds: BTreeSet<Kind> = run.records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds.len(), 6, "every kind of client took part: {kinds:?}");
    let runs: BTreeSet<&String> = run.records.iter().filter_map(|r| r.run.as_ref()).collect();
    assert_eq!(runs.len(), 2, "both runs answered: {runs:?}");
}

#[test]
fn a_new_version_is_deployed_without_a_failed_request_in_direct_mode() {
    if unavailable() {
        return;
    }
    let bundle = project_bundle(FrontMode::Direct);
    let run = standard("new-version", Suite::Bookworm, &bundle);
    assert_eq!(run.summary.failed, 0);
}

/// The server ends on SIGTERM in the middle of an answer, and can't take over a listener. The relay drains and takes
/// over the listener in its place. The test uses direct mode, in which no nginx repeats a lost request.
#[test]
fn a_server_that_only_knows_its_port_is_deployed_without_a_failed_request() {
    if unavailable() {
        return;
    }
    let bundle = booted::relay_bundle(FrontMode::Direct);
    for name in ["new-version", "restart"] {
        let run = standard(name, Suite::Bookworm, &bundle);
        assert_eq!(run.summary.failed, 0, "{name}");
    }
}

#[test]
fn scenarios_on_systemd_252() {
    if unavailable() {
        return;
    }
    let bundle = project_bundle(FrontMode::Nginx);
    for name in ON_SYSTEMD_252 {
        standard(name, Suite::Bookworm, &bundle);
    }
}

/// Before the flip only the old version answers, and after it only the new version, whatever a hook does. The same is
/// true of a bundle without flipless.
#[test]
fn the_flip_alone_changes_the_version() {
    if unavailable() {
        return;
    }
    let bundle = project_bundle(FrontMode::Nginx);
    for name in FLIP {
        standard(name, Suite::Bookworm, &bundle);
    }
}

/// nginx 1.27.4 and newer loses no request in a reload, either.
#[test]
fn scenarios_on_a_current_nginx() {
    if unavailable() {
        return;
    }
    let bundle = project_bundle(FrontMode::Nginx);
    for name in ON_CURRENT_NGINX {
        let run = standard(name, Suite::Forky, &bundle);
        assert_eq!(run.summary.failed, 0, "{name}");
    }
}

#[test]
fn a_bundle_passes_with_every_variant_of_the_engine() {
    if unavailable() {
        return;
    }
    let bundle = project_bundle(FrontMode::Nginx);
    let play = |variants| excess_ms(&play("new-version", Suite::Bookworm, &bundle, variants));
    let excess = variants::ALL.iter().copied().map(play).collect();
    assert_no_stall("new-version", excess);
    // Other scenarios, each with a variant that affects it.
    for (name, variant) in [
        ("reboot", "deploys-at-boot"),
        ("environment", "secrets-in-hooks-only"),
        ("environment", "broken-get-config"),
    ] {
        let variants = variants::named(variant).unwrap();
        plays_well(|| booted::play(name, Suite::Bookworm, &bundle, variants));
    }
}
