//! The disk becomes full or read-only. The tests try this before each change of each command. The command then fails
//! with a clear error, and the current version continues to serve. After the disk is repaired, the next deployment
//! succeeds.

use rustix::io::Errno;

use super::crash_points::{COMMANDS, assert_settled};
use super::*;
use crate::hint;
use crate::testing::Disk;

/// Lets the disk fail from each change of each command on, and passes the instance and the command's result to `then`.
fn at_every_change(error: Errno, everywhere: bool, then: impl Fn(&Instance, Outcome, &str)) {
    for (name, prepare, act) in COMMANDS {
        for healthy in (0..).step_by(step()) {
            let instance = prepare();
            let serving = instance.serving();
            let disk = Disk {
                healthy,
                error,
                everywhere,
                failed: false,
            };
            instance.model.borrow_mut().gaps.clear();
            instance.model.borrow_mut().disk = Some(disk);
            let outcome = act(&instance.system);
            if !instance.model.borrow().disk.as_ref().unwrap().failed {
                // `commit` may have nothing to change, because the flip has already done everything.
                let least = if *name == "commit" { 0 } else { 2 };
                assert!(healthy >= least, "{name} makes {healthy} changes");
                outcome.unwrap();
                break;
            }
            let when = format!("{name}, {error:?} from change {healthy} on");
            // The current run continues, unless its successor serves.
            let now = instance.serving();
            let same = serving.iter().any(|run| now.contains(run));
            let newer = state(&instance).current.map(|run| run.unit());
            assert!(
                same || newer.is_some_and(|run| now.contains(&run)),
                "{when}"
            );
            assert_eq!(instance.model.borrow().gaps, [""; 0], "{when}");
            then(&instance, outcome, &when);
        }
    }
}

type Outcome = anyhow::Result<()>;

/// Checks that a failure names a path and says what to do. A command may also succeed although it could not remove or
/// record something. The next command then does this.
fn assert_says_so(outcome: &Outcome, error: Errno, when: &str) {
    let Err(why) = outcome else { return };
    let said = format!("{why:#}");
    let system = std::io::Error::from(error).to_string();
    assert!(
        said.contains('/') && said.contains(&system),
        "{when}: {said}"
    );
    assert!(hint::of(why).is_some(), "{when}: {said}");
}

fn repaired(instance: &Instance) {
    instance.model.borrow_mut().disk = None;
}

#[test]
fn a_full_disk_only_makes_the_deployment_fail() {
    in_each_mode(|| {
        at_every_change(Errno::NOSPC, false, |instance, outcome, when| {
            assert_says_so(&outcome, Errno::NOSPC, when);
            for path in instance.files().keys() {
                let half = path.ends_with(".new") || path.contains(".partial");
                assert!(!half, "{when}: {path}");
            }
            repaired(instance);
            deploy(instance, "v3");
            assert_settled(instance, when);
        });
    });
}

#[test]
fn a_read_only_disk_only_makes_the_deployment_fail() {
    in_each_mode(|| {
        at_every_change(Errno::ROFS, false, |instance, outcome, when| {
            assert_says_so(&outcome, Errno::ROFS, when);
            repaired(instance);
            deploy(instance, "v3");
            assert_settled(instance, when);
        });
    });
}

#[test]
fn a_full_run_folder_besides_a_full_disk_only_makes_the_deployment_fail() {
    in_each_mode(|| {
        at_every_change(Errno::NOSPC, true, |instance, outcome, when| {
            assert_says_so(&outcome, Errno::NOSPC, when);
            repaired(instance);
            deploy(instance, "v3");
            assert_settled(instance, when);
        });
    });
}

/// Returns the paths of all files in flipless's folders, for a comparison.
fn kept(instance: &Instance) -> Vec<String> {
    let paths = instance.files().into_keys();
    let ours = [
        "/opt/flipless/",
        "/etc/systemd/",
        "/var/lib/flipless/",
        "/run/flipless/",
    ];
    paths
        .filter(|path| ours.iter().any(|folder| path.contains(folder)))
        .filter(|path| !path.contains("/run/flipless/ends/"))
        .collect()
}

#[test]
fn many_failed_deployments_leave_no_files() {
    let fail: [fn(&Instance); 3] = [
        // The server does not become ready.
        |instance| {
            instance.model.borrow_mut().failing = vec!["flipless-app@".to_owned()];
            stage_version(instance, "bad").unwrap_err();
            instance.model.borrow_mut().failing.clear();
        },
        // A later hook fails, and the dead man's switch discards the run.
        |instance| {
            stage_version(instance, "bad").unwrap();
            instance.model.borrow_mut().uptime += DEAD_MAN_SECONDS;
            instance
                .model
                .borrow_mut()
                .units
                .remove(layout::DEADMAN_TIMER);
            expire::expire(&instance.system).unwrap();
        },
        // The user aborts the deployment.
        |instance| {
            stage_version(instance, "worse").unwrap();
            abort::abort(&instance.system).unwrap();
        },
    ];
    for (number, fail) in fail.iter().enumerate() {
        let instance = deployed("v1");
        deploy(&instance, "v2");
        instance.let_drain();
        commit::commit(&instance.system).unwrap();
        // The first failed deployment may create files that stay, such as the lock's file and a record.
        fail(&instance);
        let before = kept(&instance);
        let fresh = deployed("v1");
        deploy(&fresh, "v2");
        assert_eq!(
            fresh.system.names(layout::RELEASES).unwrap(),
            instance.system.names(layout::RELEASES).unwrap(),
            "{number}"
        );
        for _ in 0..5 {
            fail(&instance);
        }
        assert_eq!(kept(&instance), before, "{number}");
    }
}

#[test]
fn after_a_reboot_with_a_disk_that_failed_one_version_serves() {
    at_every_change(Errno::NOSPC, false, |instance, _, when| {
        repaired(instance);
        instance.reboot();
        let current = state(instance).current.unwrap();
        assert_eq!(instance.serving(), [current.unit()], "{when}");
    });
}
