//! If memory runs out in a deployment, the kernel ends the held run, because its OOM score is the highest until the
//! handover.

use super::*;
use crate::instance::paths::RUNTIME_UNITS;

fn held_drop_in(unit: &str) -> String {
    format!("{RUNTIME_UNITS}/{unit}.d/held.conf")
}

/// Adds a process in the control group of a unit.
fn process(instance: &Instance, pid: u32, group: &str, score: &str) {
    let put = |file: &str, text: &str| {
        let path = format!("/proc/{pid}/{file}");
        instance.system.write(path, text.as_bytes(), 0o644).unwrap();
    };
    put("cgroup", &format!("0::/system.slice/{group}\n"));
    put("oom_score_adj", score);
}

fn score(instance: &Instance, pid: u32) -> String {
    let read = instance.system.read(format!("/proc/{pid}/oom_score_adj"));
    let text = String::from_utf8(read.unwrap().unwrap()).unwrap();
    text.trim().to_owned()
}

#[test]
fn a_held_run_is_the_first_that_the_kernel_ends_and_a_current_one_is_not() {
    let instance = deployed("v1");
    let old = current_unit(&instance);
    stage_version(&instance, "v2").unwrap();
    let new = staged_unit(&instance);
    let text = instance.system.read(held_drop_in(&new)).unwrap().unwrap();
    assert_eq!(text, b"[Service]\nOOMScoreAdjust=1000\n");
    assert!(!instance.system.exists(held_drop_in(&old)));
    // The processes are the server, a child in a control group below that of the run, a child that has lowered its own
    // score, and two processes of other units.
    process(&instance, 11, &format!("flipless.slice/{new}"), "1000\n");
    process(&instance, 12, &format!("{new}/child"), "1000\n");
    process(&instance, 13, &new, "300\n");
    process(&instance, 14, &old, "1000\n");
    process(&instance, 15, &format!("{new}.slice/x.service"), "1000\n");
    instance.take_calls();
    flip(&instance).unwrap();
    let scores = [11, 12, 13, 14, 15].map(|pid| score(&instance, pid));
    assert_eq!(scores, ["0", "0", "300", "1000", "1000"]);
    assert!(!instance.system.exists(held_drop_in(&new)));
    // Without a daemon-reload, the next start of the run would have the score of the removed drop-in.
    let calls = instance.take_calls();
    assert!(calls.contains(&"daemon-reload".into()), "{calls:?}");
    // The old run begins to drain before the daemon-reload, because a daemon-reload takes long.
    let at = |call: &str| calls.iter().position(|made| made == call);
    assert!(at(&format!("stop --no-block {old}")) < at("daemon-reload"));
}

#[test]
fn a_discarded_run_leaves_no_drop_in() {
    let discard: [fn(&System) -> anyhow::Result<()>; 2] = [abort::abort, restart::restart];
    for command in discard {
        let instance = deployed("v1");
        stage_version(&instance, "v2").unwrap();
        command(&instance.system).unwrap();
        instance.let_drain();
        assert_eq!(instance.system.names(RUNTIME_UNITS).unwrap(), [""; 0]);
    }
}

#[test]
fn a_first_version_keeps_no_drop_in_of_its_hold() {
    let instance = deployed("v1");
    let unit = current_unit(&instance);
    for folder in [RUNTIME_UNITS, DROP_INS, UNITS] {
        let left = instance.system.exists(format!("{folder}/{unit}.d"));
        assert!(!left, "{folder}");
    }
}

/// The agent may lack the right to change the score. The version then still serves.
#[test]
fn a_score_that_cannot_be_lowered_fails_no_deployment() {
    let instance = deployed("v1");
    stage_version(&instance, "v2").unwrap();
    let new = staged_unit(&instance);
    process(&instance, 11, &new, "1000");
    instance.model.borrow_mut().cannot_set = true;
    flip(&instance).unwrap();
    assert_eq!(instance.serving(), [new]);
}
