//! Typical user bundles (`fixtures/cases`) on real instances. Each bundle is adopted, and updated under load. Then a
//! bundle without the case's files follows, and finally a bundle without flipless. Needs root on Linux.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

mod booted;
#[path = "cases/case.rs"]
mod case;
#[path = "cases/certbot.rs"]
mod certbot;
#[path = "cases/files.rs"]
mod files;
#[path = "cases/https.rs"]
mod https;
#[path = "cases/idle.rs"]
mod idle;
#[path = "cases/play.rs"]
mod play;
mod rig;
#[path = "cases/static_files.rs"]
mod static_files;
#[path = "cases/update.rs"]
mod update;
#[path = "cases/upgrade.rs"]
mod upgrade;
#[path = "cases/wrapped.rs"]
mod wrapped;

use std::thread;

use case::{Case, Comes};
use flipless_settings::FrontMode;
use rehearse::image::Suite;
use rig::Rig;

/// The cases of each machine. The machines run in parallel. The first case of each machine is played twice: on a new
/// instance, and after a stock application. Every case leaves a stock instance to the next one. The files of earlier
/// cases in /etc/nginx stay, because EB does not delete them.
const MACHINES: [&[Case]; 3] = [
    &[
        Case {
            ports: &[8008],
            ..Case::serving("whole-http")
        },
        // This case can't be the first one, because EB itself refuses it on a new instance, where /etc/nginx/conf.d is
        // empty. EB's file with the log format of `healthd` is missing there.
        Case::serving("absolute-include"),
        Case {
            comes: Comes::Refused("ipv6only=off"),
            ..Case::serving("dual-stack")
        },
        Case {
            comes: Comes::Refused("the migration failed"),
            ..Case::serving("early-failure")
        },
        Case {
            comes: Comes::Refused("the migration failed"),
            ..Case::serving("late-failure")
        },
        Case {
            check: case::the_old_version_answered_before_the_flip,
            ..Case::serving("order")
        },
        Case {
            // With a cache of open files, each deployment reloads nginx.
            reloads: true,
            check: static_files::are_those_of_the_new_version,
            ..Case::serving("static-files")
        },
    ],
    &[
        Case {
            check: case::every_place_is_reached,
            ..Case::serving("places")
        },
        Case {
            check: files::each_run_sees_its_own_release,
            ..Case::serving("smoke")
        },
        Case {
            comes: Comes::FailsLate("the notification failed"),
            ..Case::serving("failing-postdeploy")
        },
        Case {
            reloads: true,
            ..Case::serving("restart")
        },
        Case {
            ports: &[443],
            check: upgrade::nginx_is_loaded_again_if_something_of_it_has_changed,
            ..Case::serving("own-file")
        },
    ],
    &[
        Case {
            reloads: true,
            check: certbot::the_listener_outlives_a_deployment,
            ..Case::serving("certbot")
        },
        Case {
            check: https::an_own_certificate_is_served_and_a_changed_one_is_loaded,
            ..Case::serving("https")
        },
        Case {
            check: idle::connections_outlive_an_update,
            ..Case::serving("long-keep-alive")
        },
    ],
];

#[test]
fn typical_bundles_have_the_same_result_as_without_flipless() {
    if booted::unavailable() {
        return;
    }
    // Builds the images and the bundle once, before several machines need them at the same time.
    let suites = [Suite::Bookworm, Suite::Forky];
    let _ = (
        suites.map(booted::image),
        rig::bundle_with_short_limits(FrontMode::Nginx),
    );
    let failed: Vec<String> = thread::scope(|scope| {
        let machines = suites.map(|suite| {
            MACHINES.map(|cases| (cases, scope.spawn(move || play_in_a_row(suite, cases))))
        });
        let ended = machines.into_iter().flatten();
        let failed = ended.filter_map(|(cases, machine)| {
            let first = cases[0].name;
            machine.join().err().map(|_| first.to_owned())
        });
        failed.collect()
    });
    assert!(failed.is_empty(), "machines that begin with {failed:?}");
}

fn play_in_a_row(suite: Suite, cases: &[Case]) {
    let mut rig = Rig::bare(suite);
    for (number, case) in cases.iter().enumerate() {
        if number == 0 {
            play::on_a_new_instance(&mut rig, case);
        }
        play::from_stock_to_stock(&mut rig, case);
        println!("{suite:?}: {} went well", case.name);
    }
}

#[test]
fn a_bundle_that_exists_is_wrapped_and_deployed_without_a_failed_request() {
    if booted::unavailable() {
        return;
    }
    wrapped::is_deployed_without_a_failed_request();
}

#[test]
fn every_folder_of_the_fixtures_is_a_case() {
    let mut names: Vec<_> = MACHINES.concat().iter().map(|case| case.name).collect();
    names.sort_unstable();
    assert_eq!(case::folders(), names);
}
