//! A release that crashes repeatedly during its trial.

use super::*;
use crate::commands::{recover, run_ended, status, web_starting};
use crate::deployment::alarm;

/// By default, this number of crashes within [`TRIAL_SECONDS`] causes a rollback.
const CRASHES: usize = 3;
const TRIAL_SECONDS: u64 = 120;

fn crash(instance: &Instance, result: &str) {
    let run = state(instance).current.unwrap().run;
    let how = run_ended::How {
        result: result.into(),
        status: "SEGV".into(),
    };
    run_ended::run_ended(&instance.system, &run, &how).unwrap();
}

/// Crashes the current run until a rollback is due.
pub fn crash_too_often(instance: &Instance) {
    for _ in 0..CRASHES {
        crash(instance, "signal");
    }
}

fn recovery_is_due(instance: &Instance) -> bool {
    instance.unit(layout::RECOVER) == "active"
}

/// Returns an instance on which v2 is current and v1 is the previous version.
fn second() -> Instance {
    let instance = deployed("v1");
    deploy(&instance, "v2");
    instance
        .model
        .borrow_mut()
        .units
        .insert("web.service".into(), "active".into());
    // EB's flip starts the stand-in for the first time in this boot.
    web_started::web_started(&instance.system).unwrap();
    instance
}

#[test]
fn a_new_release_that_crashes_too_often_is_rolled_back() {
    in_each_mode(|| {
        let instance = second();
        let (bad, good) = {
            let state = state(&instance);
            (state.current.unwrap(), state.previous.unwrap())
        };
        for _ in 1..CRASHES {
            crash(&instance, "core-dump");
        }
        assert!(!recovery_is_due(&instance), "one crash is missing");
        crash(&instance, "watchdog");
        assert!(recovery_is_due(&instance));
        recover::recover(&instance.system).unwrap();
        let after = state(&instance);
        let current = after.current.clone().unwrap();
        assert_eq!(current.release, good.release);
        assert_ne!(current.run, good.run);
        assert_eq!(instance.unit(&current.unit()), "active");
        assert_eq!(instance.unit(&bad.unit()), "deactivating");
        assert_eq!(instance.model.borrow().gaps, [""; 0]);
        let said = status::status(&instance.system, false).unwrap();
        assert!(
            said.contains("watchdog SEGV") && said.contains(&bad.run),
            "{said}"
        );
        assert!(said.contains("reports failure to EB"), "{said}");
        let reason = alarm::reason(&instance.system).unwrap().unwrap();
        assert!(reason.contains(&bad.run), "{reason}");
        assert_eq!(
            instance.unit("web.service"),
            "inactive",
            "ended by the alarm"
        );
        instance.take_calls();
        recover::recover(&instance.system).unwrap();
        assert_eq!(
            instance.take_calls(),
            [""; 0],
            "the second call has nothing to do"
        );
    });
}

#[test]
fn a_new_release_that_ends_by_itself_too_often_is_rolled_back_too() {
    let instance = second();
    for _ in 0..CRASHES {
        crash(&instance, "success");
    }
    assert!(recovery_is_due(&instance), "no stop was requested");
}

#[test]
fn an_end_is_recorded_even_if_systemd_does_not_answer() {
    let instance = second();
    let run = state(&instance).current.unwrap().run;
    instance.model.borrow_mut().missing.push("systemctl".into());
    crash(&instance, "signal");
    crash(&instance, "success");
    let ends = crate::deployment::ends::of(&instance.system, &run).unwrap();
    let crashes: Vec<bool> = ends
        .iter()
        .map(crate::deployment::ends::End::is_crash)
        .collect();
    assert_eq!(
        crashes,
        [true, false],
        "a stop may have caused the second end"
    );
}

#[test]
fn a_restored_release_is_not_on_trial_when_it_is_deployed_again() {
    let instance = second();
    crash_too_often(&instance);
    recover::recover(&instance.system).unwrap();
    let good = state(&instance).current.unwrap().release;
    deploy(&instance, "v1");
    assert_eq!(state(&instance).current.unwrap().release, good);
    instance.model.borrow_mut().units.remove(layout::RECOVER);
    crash_too_often(&instance);
    assert!(
        !recovery_is_due(&instance),
        "the previous release has crashed"
    );
}

#[test]
fn the_alarm_lasts_after_an_aborted_deployment_and_ends_with_a_commit() {
    let alarmed = || {
        let instance = second();
        crash_too_often(&instance);
        recover::recover(&instance.system).unwrap();
        let web = ("web.service".to_owned(), "failed".to_owned());
        instance.model.borrow_mut().units.extend([web]);
        stage_version(&instance, "v3").unwrap();
        instance
    };
    // Another hook fails, EB aborts the deployment, and the dead man's switch discards the staged run.
    let aborted = alarmed();
    aborted.model.borrow_mut().uptime = DEAD_MAN_SECONDS;
    expire::expire(&aborted.system).unwrap();
    let reason = alarm::reason(&aborted.system).unwrap().unwrap();
    let said = status::status(&aborted.system, false).unwrap();
    assert!(said.contains(&reason), "the failure is another one: {said}");
    restart::restart(&aborted.system).unwrap();
    assert_eq!(alarm::reason(&aborted.system).unwrap(), None);
    assert_eq!(aborted.unit("web.service"), "active");
    // Here EB has flipped, but has not started the failed web.service.
    let committed = alarmed();
    committed.flip();
    commit::commit(&committed.system).unwrap();
    assert_eq!(alarm::reason(&committed.system).unwrap(), None);
    assert_eq!(committed.unit("web.service"), "active");
}

#[test]
fn later_crashes_and_crashes_of_other_runs_or_of_the_only_release_cause_no_rollback() {
    let late = second();
    late.model.borrow_mut().uptime = TRIAL_SECONDS + 1;
    crash_too_often(&late);
    assert!(!recovery_is_due(&late), "the trial was over");

    let stopped = second();
    let unit = current_unit(&stopped);
    stopped.model.borrow_mut().stopping.insert(unit);
    for _ in 0..CRASHES {
        crash(&stopped, "success");
    }
    assert!(!recovery_is_due(&stopped), "a stop was requested");

    let only = deployed("v1");
    crash_too_often(&only);
    assert!(!recovery_is_due(&only), "there is nothing to go back to");

    let other = second();
    let how = run_ended::How {
        result: "signal".into(),
        status: "KILL".into(),
    };
    for _ in 0..CRASHES {
        run_ended::run_ended(&other.system, "another-1", &how).unwrap();
    }
    assert!(!recovery_is_due(&other), "it was not the current one");
}

#[test]
fn a_deployment_in_progress_and_a_reboot_prevent_a_rollback() {
    let instance = second();
    crash_too_often(&instance);
    stage_version(&instance, "v3").unwrap();
    let before = state(&instance);
    recover::recover(&instance.system).unwrap();
    assert_eq!(
        state(&instance),
        before,
        "the staged run will replace the bad one"
    );

    let instance = second();
    crash_too_often(&instance);
    let before = state(&instance);
    instance.reboot();
    // A reboot ends the trial, so a later crash does not count.
    crash_too_often(&instance);
    recover::recover(&instance.system).unwrap();
    assert_eq!(state(&instance), before);
}

#[test]
fn a_rollback_by_hand_ends_the_alarm_and_starts_the_stand_in_again() {
    let instance = second();
    crash_too_often(&instance);
    recover::recover(&instance.system).unwrap();
    instance
        .model
        .borrow_mut()
        .units
        .insert("web.service".into(), "failed".into());
    rollback::rollback(&instance.system).unwrap();
    assert_eq!(alarm::reason(&instance.system).unwrap(), None);
    assert_eq!(instance.unit("web.service"), "active");
    // This start of the stand-in is not a "restart app server".
    let run = current_unit(&instance);
    web_started::web_started(&instance.system).unwrap();
    assert_eq!(current_unit(&instance), run);
}

#[test]
fn a_previous_release_that_does_not_start_leaves_the_current_one() {
    let instance = second();
    crash_too_often(&instance);
    let bad = current_unit(&instance);
    instance
        .model
        .borrow_mut()
        .failing
        .push("flipless-app@".into());
    assert!(recover::recover(&instance.system).is_err());
    assert_eq!(current_unit(&instance), bad);
    assert_eq!(state(&instance).failure.unwrap().during, "recover");
    assert!(alarm::reason(&instance.system).unwrap().is_some());
}

#[test]
fn the_stand_in_fails_until_its_start_is_requested() {
    let instance = second();
    web_starting::web_starting(&instance.system).unwrap();
    crash_too_often(&instance);
    recover::recover(&instance.system).unwrap();
    instance.model.borrow_mut().restarts_of_web = 1;
    web_starting::web_starting(&instance.system).unwrap();
    assert!(alarm::reason(&instance.system).unwrap().is_some());
    instance.model.borrow_mut().restarts_of_web = 0;
    web_starting::web_starting(&instance.system).unwrap();
    assert_eq!(alarm::reason(&instance.system).unwrap(), None);
}

#[test]
fn a_staged_run_that_has_crashed_fails_the_flip_and_is_stopped() {
    let instance = deployed("v1");
    let old = current_unit(&instance);
    stage_version(&instance, "v2").unwrap();
    let staged = state(&instance).staged.unwrap().run;
    let how = run_ended::How {
        result: "signal".into(),
        status: "SEGV".into(),
    };
    run_ended::run_ended(&instance.system, &staged.run, &how).unwrap();
    // systemd has restarted the run, so it is active.
    let error = flip(&instance).unwrap_err();
    assert!(error.to_string().contains(&staged.run), "{error}");
    assert_eq!(current_unit(&instance), old);
    assert_eq!(state(&instance).staged, None);
    assert_eq!(instance.unit(&staged.unit()), "inactive");
    assert_eq!(instance.unit(layout::DEADMAN_TIMER), "inactive");
    assert_eq!(instance.model.borrow().gaps, [""; 0]);
}

#[test]
fn after_a_rollback_by_hand_there_is_no_automatic_rollback() {
    let instance = second();
    rollback::rollback(&instance.system).unwrap();
    crash_too_often(&instance);
    assert!(
        !recovery_is_due(&instance),
        "the user has chosen the release"
    );
}

/// The release crashed so fast that the previous release served again before EB ran its postdeploy hooks.
#[test]
fn a_deployment_whose_release_was_rolled_back_before_its_commit_is_no_success() {
    let commands: [fn(&System) -> anyhow::Result<()>; 2] = [recover::recover, rollback::rollback];
    for back in commands {
        let instance = second();
        let good = state(&instance).current.unwrap().release;
        stage_version(&instance, "v3").unwrap();
        flip(&instance).unwrap();
        crash_too_often(&instance);
        back(&instance.system).unwrap();
        instance.let_drain();
        let alarm = alarm::reason(&instance.system).unwrap();
        let error = commit::commit(&instance.system).unwrap_err();
        assert!(error.to_string().contains("rolled back"), "{error}");
        assert_eq!(state(&instance).current.unwrap().release, good);
        assert_eq!(instance.serving(), [current_unit(&instance)]);
        assert_eq!(alarm::reason(&instance.system).unwrap(), alarm);
        deploy(&instance, "v4");
    }
}
