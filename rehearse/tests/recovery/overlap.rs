//! Measures how long two versions answer at the same time.

use rehearse::image::Suite;
use rehearse::load::Plan;
use rehearse::record::Record;

use crate::PATIENCE;
use crate::booted;
use crate::rig::{Rig, assert_nothing_lost};

const DEPLOYMENTS: usize = 10;
/// Half of the overlaps must be shorter, even on a busy machine. If two versions answered during a predeploy hook or
/// the whole flip, the overlap would be seconds.
const USUAL_MS: f64 = 150.0;

#[test]
fn two_versions_answer_beside_each_other_for_milliseconds() {
    if booted::unavailable() {
        return;
    }
    let mut rig = Rig::launch(Suite::Bookworm);
    let load = rig.load_of(Plan {
        rate: 400,
        ..Plan::none()
    });
    let mut runs = vec![rig.current()];
    for _ in 0..DEPLOYMENTS {
        rig.deploy();
        runs.push(rig.current());
        load.wait_for(load.records_so_far() + 400, PATIENCE)
            .unwrap();
    }
    let records = load.stop().unwrap();
    assert_nothing_lost(&records);
    let overlaps = runs
        .windows(2)
        .map(|two| overlap(&records, &two[0], &two[1]));
    let mut overlaps: Vec<f64> = overlaps.collect();
    overlaps.sort_by(f64::total_cmp);
    println!("overlap in ms, over {DEPLOYMENTS} deployments: {overlaps:.1?}");
    assert!(overlaps[DEPLOYMENTS / 2] < USUAL_MS, "{overlaps:?}");
}

/// Returns the milliseconds from the first answer of the new run to the last request that the old run answered. The
/// number is negative if no request came in between these two moments.
fn overlap(records: &[Record], old: &str, new: &str) -> f64 {
    let by = |run: &str| {
        let run = run.to_owned();
        let by = move |record: &&Record| record.run.as_ref() == Some(&run);
        records.iter().filter(by)
    };
    let first = by(new).map(|record| record.at + record.latency).min();
    let last = by(old).map(|record| record.at).max();
    let (first, last) = (first.unwrap(), last.unwrap());
    (last.as_secs_f64() - first.as_secs_f64()) * 1000.0
}
