//! Renewals of the certificate at chosen moments of deployments.

use std::time::Duration;

use flipless_settings::layout;

use super::look;
use crate::machine::wait_for;
use crate::record::Certificate;
use crate::scenario::error::ScenarioError;
use crate::scenario::subject::Subject;

/// The time limit for the end of a renewal, and for nginx to send the new certificate.
const PATIENCE: Duration = Duration::from_secs(60);
/// The unit that waits for the moment of a renewal, and the file with the result.
const WAITING: &str = "rehearsal-renewal.service";
const RESULT: &str = "/run/rehearsal-renewal";

/// Makes the program for certificates order a certificate at each start, even if no renewal is due or an earlier order
/// has failed.
pub(super) fn enable(subject: &Subject) -> Result<(), ScenarioError> {
    let (unit, folder) = (layout::RENEWAL, drop_ins());
    subject.must(&format!(
        "mkdir -p {folder} && {{ echo '[Service]'; echo ExecStart=; \
         sed -n 's/^ExecStart=.*/& --force/p' /etc/systemd/system/{unit}; }} >{folder}/rehearsal.conf && \
         systemctl daemon-reload && systemctl show -p ExecStart {unit} | grep -q -- --force"
    ))
}

pub(super) fn disable(subject: &Subject) -> Result<(), ScenarioError> {
    let folder = drop_ins();
    subject.must(&format!("rm -r {folder} && systemctl daemon-reload"))
}

/// The folder of the drop-in. The folder is not below /run, because the agent treats drop-ins of its own units there as
/// parts of a first version, and moves them to the disk.
fn drop_ins() -> String {
    format!("/etc/systemd/system/{}.d", layout::RENEWAL)
}

/// Begins a renewal when `after` has passed.
pub(super) fn begin(subject: &Subject, after: Duration) -> Result<(), ScenarioError> {
    let (seconds, unit) = (after.as_secs_f64(), layout::RENEWAL);
    subject.must(&format!(
        "rm -f {RESULT}; systemd-run --quiet --collect --unit={WAITING} -- \
         sh -c 'sleep {seconds}; systemctl start {unit}; echo $? >{RESULT}'"
    ))
}

/// Waits until the renewal has ended. Without a fault, nginx must then send a certificate other than `before`. Returns
/// the problem, if there is one.
pub(super) fn end(subject: &Subject, before: &Certificate, faulty: bool) -> Option<String> {
    let ended = || Some(subject.say(&format!("cat {RESULT}"))).filter(|said| !said.is_empty());
    let Some(status) = wait_for(PATIENCE, ended) else {
        return Some("the renewal did not end in time".into());
    };
    if faulty {
        return None;
    }
    if status != "0" {
        return Some("the renewal failed".into());
    }
    let mut last = String::new();
    let renewed = wait_for(PATIENCE, || match look::certificate(subject) {
        Ok(now) => (now != *before).then_some(()),
        Err(why) => {
            last = why;
            None
        }
    });
    let wrong = || format!("nginx does not send the new certificate; last error: {last:?}");
    renewed.is_none().then(wrong)
}
