//! Checks that a soak leaves no more behind than one deployment.

use flipless_settings::layout;

use super::resources::Resources;
use crate::machine::Instance;
use crate::scenario::check::Check;
use crate::scenario::subject::Subject;

/// The state of the instance before the first deployment.
#[derive(Debug)]
pub(super) struct Beginning {
    nginx: String,
    resources: Resources,
}

const NGINX_FILES: &str = "find /etc/nginx | sort";

/// Shell commands that print nothing if all is well, each with the name of its check.
const NOTHING: &[(&str, &str)] = &[
    (
        "files of another run are left",
        "ls /opt/flipless/runs | tail -n +2; ls /etc/systemd/system | grep 'flipless-app@.*[0-9]' | tail -n +2",
    ),
    (
        "a half-written file is left",
        "find /opt/flipless /var/lib/flipless /etc/systemd/system /usr/lib/systemd/system /etc/nginx /run/flipless \
         -name '*.new' -o -name '*.partial' -o -name 'nginx-test*'",
    ),
    ("a run is held", "ls -A /run/flipless/held 2>/dev/null"),
    (
        "a unit of a first version is left",
        "ls /run/systemd/system /run/systemd/transient 2>/dev/null | grep flipless",
    ),
    (
        "a unit has failed",
        "systemctl list-units --plain --no-legend --state=failed 'flipless*' web.service nginx.service",
    ),
    (
        "the dead man's switch is still armed",
        "systemctl is-active flipless-deadman.timer | grep -vx inactive",
    ),
];

const JOBS: &str = "systemctl list-jobs --plain --no-legend | grep -v '^No jobs'";

impl Beginning {
    pub fn of(subject: &Subject) -> Self {
        Self {
            nginx: subject.say(NGINX_FILES),
            resources: Resources::of(&subject.engine.instance().root()),
        }
    }
}

/// Checks the instance after the last deployment.
pub(super) fn of(subject: &mut Subject, beginning: &Beginning) -> Vec<Check> {
    subject.wait("an old run has not drained", |subject| {
        let runs = subject.say("systemctl list-units --plain --no-legend 'flipless-app@*' | wc -l");
        runs == "1"
    });
    // If a run had not drained at the last commit, this commit removes its files.
    let committed = subject.must(&format!("{} commit", layout::AGENT));
    let why = committed
        .as_ref()
        .err()
        .map_or(String::new(), ToString::to_string);
    // This commit starts a renewal of the certificate, and timers start units at any moment. So a job may be queued for
    // a short time.
    subject.wait("a systemd job is still queued", |subject| {
        subject.say(JOBS).is_empty()
    });
    let mut checks = std::mem::take(&mut subject.checks);
    checks.push(Check::new(
        "a second `flipless commit` failed",
        committed.is_ok(),
        why,
    ));
    checks.extend(NOTHING.iter().map(|(name, line)| {
        let found = subject.say(line);
        Check::new(*name, found.is_empty(), found)
    }));
    checks.push(releases(subject));
    let nginx = subject.say(NGINX_FILES);
    let same = nginx == beginning.nginx;
    checks.push(Check::new(
        "the list of files in /etc/nginx has changed",
        same,
        nginx,
    ));
    let status = subject.status();
    checks.push(Check::new(
        "a run is still staged",
        !status.is_staged(),
        status.0.to_string(),
    ));
    checks.push(resources(subject, &beginning.resources));
    checks
}

fn releases(subject: &Subject) -> Check {
    let count = |line: &str| subject.say(line).parse::<usize>().unwrap_or(usize::MAX);
    let found = count("ls -A /opt/flipless/releases | wc -l");
    let keep = keep_releases(&subject.say(&format!("cat {}", layout::SETTINGS)));
    let detail = format!("{found} releases, but keep-releases is {keep}");
    Check::new(
        "more releases are kept than keep-releases allows",
        found <= keep,
        detail,
    )
}

fn keep_releases(settings: &str) -> usize {
    let settings = flipless_settings::Settings::from_json(settings.as_bytes());
    settings.map_or(0, |settings| settings.deploy.keep_releases)
}

fn resources(subject: &Subject, before: &Resources) -> Check {
    let after = Resources::of(&subject.engine.instance().root());
    let grown = before.grown_to(&after);
    Check::new("descriptors or memory grew", grown.is_empty(), grown)
}
