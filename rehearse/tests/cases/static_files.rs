//! Files of the bundle that nginx serves, and a file that only the application may read.

use crate::case::Case;
use crate::files;
use crate::rig::Rig;
use crate::update::Update;

/// Asserts that nginx serves the files of the new version although it keeps files open, that a browser gets a changed
/// file of the same length, and that only the server can read a private file.
pub fn are_those_of_the_new_version(rig: &mut Rig, update: &Update) {
    only_the_server_reads_the_key(rig, &update.after);
    // `dist` gives every file this time.
    let old = "find /var/app/current -type f ! -newermt 1981-01-01";
    assert_eq!(rig.say(old), "");
    let (before, tag) = (rig.body("/version"), tag(rig));
    let bundle = Case::serving("static-files").version(rig);
    rig.engine.deploy(&bundle).outcome.unwrap();
    let after = rig.body("/version");
    assert_ne!(after, before);
    assert_eq!(
        after.len(),
        before.len(),
        "nginx makes a tag from time and length"
    );
    let conditional = format!(
        "curl -s -o /dev/null -w '%{{http_code}}' -H 'If-None-Match: {tag}' http://localhost/version"
    );
    assert_eq!(rig.say(&conditional), "200");
}

fn tag(rig: &Rig) -> String {
    let head = rig.say("curl -sI http://localhost/version | tr -d '\\r'");
    let line = head.lines().find_map(|line| line.strip_prefix("ETag: "));
    line.unwrap_or_else(|| panic!("no ETag in {head}"))
        .to_owned()
}

fn only_the_server_reads_the_key(rig: &Rig, run: &str) {
    let pid = files::pid(rig, run);
    let number = |name: &str| {
        let line = format!("awk '/^{name}:/ {{print $2}}' /proc/{pid}/status");
        rig.say(&line)
    };
    let (user, group) = (number("Uid"), number("Gid"));
    let read = |user: &str, group: &str| {
        let key = "/var/app/current/certs/client.key";
        rig.say(&format!(
            "nsenter --mount --target {pid} --setuid {user} --setgid {group} cat {key} 2>/dev/null"
        ))
    };
    assert_eq!(read(&user, &group), "a private key");
    assert_eq!(read("65534", "65534"), "");
}
