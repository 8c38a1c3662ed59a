//! A server that reads files of its release by EB's path, `/var/app/current`, or relative to its working directory.
//! It reads the files of its own version, whichever version EB has flipped to.

use crate::case::Case;
use crate::rig::Rig;
use crate::update::Update;

/// A file whose content differs in each version (`Rig::version`).
const FILE: &str = "REHEARSAL";

/// Every run sees its own release: one that was staged before the flip, one that drains after a flip, and one that a
/// rollback has started.
pub fn each_run_sees_its_own_release(rig: &mut Rig, update: &Update) {
    assert_sees_its_own(rig, &update.after);
    let client = slow_request(rig);
    let bundle = Case::serving("smoke").version(rig);
    rig.engine.deploy(&bundle).outcome.unwrap();
    let draining = rig.say(&format!(
        "systemctl show --value -p ActiveState flipless-app@{}.service",
        update.after
    ));
    assert_eq!(draining, "deactivating");
    assert_sees_its_own(rig, &update.after);
    assert_sees_its_own(rig, &rig.current());
    rig.say(&format!("kill {client}"));

    rig.must("/opt/flipless/bin/flipless rollback");
    assert_sees_its_own(rig, &rig.current());
    assert_ne!(
        content(rig, &rig.current()),
        rig.say(&format!("cat /var/app/current/{FILE}")),
        "a rollback does not change EB's folder"
    );
}

/// Asserts that the server's process finds the file of its own release, and every file beside the application's folder.
pub fn assert_sees_its_own(rig: &Rig, run: &str) {
    let pid = pid(rig, run);
    let look = |line: &str| {
        let inside = format!("nsenter --mount --wd --target {pid} sh -c '{line}'");
        rig.say(&inside)
    };
    let own = content(rig, run);
    assert_eq!(look(&format!("cat /var/app/current/{FILE}")), own, "{run}");
    assert_eq!(look("pwd -P"), "/var/app/current", "{run}");
    assert_eq!(look(&format!("cat {FILE}")), own, "{run}");
    let beside = rig.say("ls /var/app | grep -vx staging");
    assert_eq!(look("ls /var/app"), beside, "{run}");
    // The run has a user of its own, but these variables have the same values as on stock EB.
    let environment = rig.say(&format!("tr '\\0' '\\n' < /proc/{pid}/environ"));
    for expected in ["HOME=/home/webapp", "USER=webapp", "LOGNAME=webapp"] {
        let has = environment.lines().any(|line| line == expected);
        assert!(has, "{expected}");
    }
}

/// Asserts that the server's process finds these files through links that lead out of its bundle.
pub fn assert_reaches(rig: &Rig, run: &str, names: &[&str]) {
    let pid = pid(rig, run);
    for name in names {
        rig.must(&format!("nsenter --mount --wd --target {pid} ls {name}/."));
    }
}

/// Returns the pid of a run's main process.
pub fn pid(rig: &Rig, run: &str) -> String {
    let unit = format!("flipless-app@{run}.service");
    rig.say(&format!("systemctl show --value -p MainPID {unit}"))
}

/// Returns the content of the file in the run's release.
fn content(rig: &Rig, run: &str) -> String {
    let (release, _) = run.rsplit_once('-').unwrap();
    let content = rig.say(&format!("cat /opt/flipless/releases/{release}/app/{FILE}"));
    assert_ne!(content, "");
    content
}

/// Starts a request that outlasts a deployment, so that the old run drains. Returns the pid of the client.
fn slow_request(rig: &Rig) -> String {
    rig.say(
        "bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; \
         printf \"GET /slow?ms=60000 HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n\" >&3; exec cat <&3' \
         >/dev/null 2>&1 & echo $!",
    )
}
