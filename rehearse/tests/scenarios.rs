//! Scenarios with the project's bundle, on real instances under load, one at a time: they judge latencies.
//! Those that judge none are in `recovery/scenarios.rs`. Needs root on Linux.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

mod booted;

use std::collections::BTreeSet;

use booted::{play, project_bundle, slower, unavailable};
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
/// The scenarios that hold the agent to EB's meaning of a flip.
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

/// The most that a deployment's p99.9 may be above the steady one: this machine may be busy.
const SLOWER: f64 = 20.0;

/// A scenario went well. How long requests wait is judged as a ratio only.
fn went_well(run: &ScenarioResult) {
    let ratio = slower(run);
    assert!(ratio < SLOWER, "{}: p99.9 is {ratio} times", run.scenario);
}

#[test]
fn a_new_version_is_deployed_without_a_failed_request() {
    if unavailable() {
        return;
    }
    let run = play(
        "new-version",
        Suite::Bookworm,
        &project_bundle(FrontMode::Nginx),
        variants::STANDARD,
    );
    went_well(&run);
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
    let run = play(
        "new-version",
        Suite::Bookworm,
        &project_bundle(FrontMode::Direct),
        variants::STANDARD,
    );
    went_well(&run);
    assert_eq!(run.summary.failed, 0);
}

/// It dies of SIGTERM in the middle of an answer, and can't take a listener over: the relay does it all.
/// In direct mode, where no nginx sends again what was lost.
#[test]
fn a_server_that_only_knows_its_port_is_deployed_without_a_failed_request() {
    if unavailable() {
        return;
    }
    let bundle = booted::relay_bundle(FrontMode::Direct);
    for name in ["new-version", "restart"] {
        let run = play(name, Suite::Bookworm, &bundle, variants::STANDARD);
        went_well(&run);
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
        went_well(&play(name, Suite::Bookworm, &bundle, variants::STANDARD));
    }
}

/// Before the flip the old version alone answers, after it the new one, whatever a hook does; and a bundle
/// without flipless is a version as any other.
#[test]
fn the_flip_alone_changes_the_version() {
    if unavailable() {
        return;
    }
    let bundle = project_bundle(FrontMode::Nginx);
    for name in FLIP {
        went_well(&play(name, Suite::Bookworm, &bundle, variants::STANDARD));
    }
}

/// nginx from 1.27.4 on loses nothing in a reload either.
#[test]
fn scenarios_on_a_current_nginx() {
    if unavailable() {
        return;
    }
    let bundle = project_bundle(FrontMode::Nginx);
    for name in ON_CURRENT_NGINX {
        let run = play(name, Suite::Forky, &bundle, variants::STANDARD);
        went_well(&run);
        assert_eq!(run.summary.failed, 0, "{name}");
    }
}

#[test]
fn a_bundle_passes_whatever_is_unknown_of_the_engine() {
    if unavailable() {
        return;
    }
    let bundle = project_bundle(FrontMode::Nginx);
    let play = |variants| slower(&play("new-version", Suite::Bookworm, &bundle, variants));
    let mut ratios: Vec<f64> = variants::ALL.iter().copied().map(play).collect();
    // A bundle's other ways through the engine, where a variant touches them.
    for (name, variant) in [
        ("reboot", "deploys-at-boot"),
        ("environment", "secrets-in-hooks-only"),
        ("environment", "broken-get-config"),
    ] {
        let variants = variants::named(variant).unwrap();
        went_well(&booted::play(name, Suite::Bookworm, &bundle, variants));
    }
    // One of a dozen runs may meet a busy moment; half of them don't.
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[ratios.len() / 2] < SLOWER, "{ratios:?}");
}
