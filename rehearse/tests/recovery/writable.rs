//! A server that writes files: its folders have to exist, and each run writes to the files of the runs before it.

use rehearse::bundle;

use crate::rig::Rig;

/// The writable folders. In /var/app and /home/webapp a run has file systems of its own.
const FOLDERS: [&str; 3] = ["/srv/shop", "/var/app/shop", "/home/webapp/shop"];

/// Deploys a server whose runs have users of their own, first without its folders and then with them.
pub fn runs_share_their_files(rig: &mut Rig) {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("flipless.toml");
    let text = format!("[server]\nown-user = true\nwritable-paths = {FOLDERS:?}\n");
    std::fs::write(&settings, text).unwrap();
    let bundle = bundle::build(None, Some(&settings), folder.path()).unwrap();

    let before = rig.current();
    let make = format!("mkdir -p {}", FOLDERS.join(" "));
    for (prepare, reason) in [
        (
            "true",
            "/srv/shop, which [server] writable-paths names: it does not exist",
        ),
        (
            &make,
            "of the group `webapp`, and this group has no right to write",
        ),
    ] {
        rig.must(prepare);
        rig.engine.deploy(&bundle).outcome.unwrap_err();
        let said = rig.say(&format!("cat {}", rig.engine.deployment_log()));
        assert!(said.contains(reason) && said.contains("hint: "), "{said}");
        assert_eq!(rig.active_runs(), std::slice::from_ref(&before));
    }
    for folder in FOLDERS {
        rig.must(&format!("chgrp webapp {folder} && chmod g+w {folder}"));
    }
    // A hook may also give the user another group, for example to read keys.
    rig.must("groupadd keys && usermod --append --groups keys webapp");
    rig.engine.deploy(&bundle).outcome.unwrap();
    let keys = rig.say("getent group keys | cut -d: -f3");
    let groups = status_of(rig, "Groups");
    assert!(
        groups.split_whitespace().any(|group| group == keys),
        "{groups}"
    );
    write(rig);
    rig.must("/opt/flipless/bin/flipless restart");
    write(rig);
    for folder in FOLDERS {
        let users = rig.say(&format!("cat {folder}/users"));
        let users: Vec<&str> = users.lines().collect();
        assert!(
            matches!(users[..], [one, two] if one != two),
            "{folder}: {users:?}"
        );
    }
}

fn pid(rig: &Rig) -> String {
    let unit = format!("flipless-app@{}.service", rig.current());
    rig.say(&format!("systemctl show --value -p MainPID {unit}"))
}

/// Returns a field of the process's status (proc(5)).
fn status_of(rig: &Rig, field: &str) -> String {
    rig.say(&format!(
        "grep ^{field}: /proc/{}/status | cut -f2",
        pid(rig)
    ))
}

/// Writes as the current run's process: with its file systems, user, group and umask.
fn write(rig: &Rig) {
    let pid = pid(rig);
    let user = rig.say(&format!("stat -c %u /proc/{pid}"));
    let group = rig.say("getent group webapp | cut -d: -f3");
    let umask = status_of(rig, "Umask");
    for folder in FOLDERS {
        rig.must(&format!(
            "nsenter --mount --target {pid} --setuid {user} --setgid {group} \
             sh -c 'umask {umask} && echo {user} >> {folder}/users'"
        ));
    }
}
