//! Inspects the instance before and after a step.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use super::versions::{Label, PROXY_PAGE};
use crate::machine::{self, Instance};
use crate::record::Certificate;
use crate::scenario::subject::Subject;

/// The time limit for the right version to serve. systemd restarts the command of a killed agent in this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// The state of the instance before a step.
#[derive(Debug)]
pub(super) struct Before {
    pub folder: u64,
    pub previous: Option<Label>,
    /// The current run, and the run that answers.
    pub runs: Vec<String>,
    pub staged: bool,
    /// The certificate that nginx sends.
    pub certificate: Result<Certificate, String>,
}

impl Before {
    pub fn look(subject: &Subject) -> Self {
        let status = subject.status();
        let root = subject.engine.instance().root();
        let answering = subject.ask().ok().and_then(|answer| answer.run);
        let previous = status.previous();
        Self {
            folder: folder(subject),
            previous: previous.and_then(|release| Label::of(&root, &release)),
            runs: answering.into_iter().chain(status.run()).collect(),
            staged: status.is_staged(),
            certificate: certificate(subject),
        }
    }
}

/// Returns the inode of the application's folder. EB's flip replaces the folder.
pub(super) fn folder(subject: &Subject) -> u64 {
    let path = subject.engine.instance().root().join("var/app/current");
    path.metadata().map_or(0, |metadata| metadata.ino())
}

/// Returns the release of the run that answers. With `settled`, fails if this run is not the current one.
pub(super) fn serving(subject: &Subject, settled: bool) -> Result<Label, String> {
    let answer = subject.ask().map_err(|error| error.to_string())?;
    let current = subject.status().run();
    let run = answer.run.or_else(|| current.clone()).unwrap_or_default();
    if settled && current.as_ref() != Some(&run) {
        return Err(format!("{run} answers, but {current:?} is current"));
    }
    let release = run.rsplit_once('-').map_or("", |(release, _)| release);
    let root = subject.engine.instance().root();
    Label::of(&root, release).ok_or_else(|| format!("{run} answers, but its release is missing"))
}

/// Waits until one of the expected releases serves, and returns it. The error describes what serves instead.
pub(super) fn wait_for(
    subject: &Subject,
    expected: &[Label],
    settled: bool,
) -> Result<Label, String> {
    let mut last = String::new();
    let found = machine::wait_for(PATIENCE, || match serving(subject, settled) {
        Ok(label) if expected.contains(&label) => Some(label),
        Ok(label) => {
            last = format!("{label} serves");
            None
        }
        Err(why) => {
            last = why;
            None
        }
    });
    found.ok_or(last)
}

/// Returns the number of the configuration that nginx has loaded.
pub(super) fn proxy(subject: &Subject) -> Result<String, String> {
    let answer = subject
        .get_page(PROXY_PAGE)
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&answer.body).into_owned())
}

/// Returns the certificate that nginx sends.
pub(super) fn certificate(subject: &Subject) -> Result<Certificate, String> {
    let tls = subject.tls().ok_or("the bundle has no domain")?;
    let answer = subject.get_with_tls(&tls, &subject.path);
    let answer = answer.map_err(|error| error.to_string())?;
    answer.certificate().ok_or("no certificate".into())
}

/// Returns logs and the agent's status, for the analysis of a failed step.
pub(super) fn evidence(subject: &Subject) -> String {
    subject.say(
        "journalctl --no-pager -o short-precise -n 200 | grep -v pids.max; \
         /opt/flipless/bin/flipless status; tail -n 15 /var/log/eb-engine.log; \
         tail -n 15 /var/log/nginx/error.log",
    )
}
