//! The modes of files do not depend on the umask of the agent's caller (umask(2)). A process has only one umask,
//! so the test tries each umask in a child.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;

const CHILD: &str = "FLIPLESS_TEST_MODES_CHILD";
const NAME: &str = "commands::tests::modes::modes_are_the_same_whatever_the_umask";

/// Returns every file and folder that the commands leave, with its mode.
fn modes() -> String {
    let instance = deployed("v1");
    deploy(&instance, "v2");
    web_started::web_started(&instance.system).unwrap();
    super::trial::crash_too_often(&instance);
    crate::commands::recover::recover(&instance.system).unwrap();
    let mut lines = String::new();
    for folder in ["/opt/flipless", "/var/lib/flipless", "/run/flipless", UNITS] {
        let root = instance.system.locate(folder);
        for entry in walkdir::WalkDir::new(&root).sort_by_file_name() {
            let entry = entry.unwrap();
            if !entry.file_type().is_symlink() {
                let path = entry.path().strip_prefix(instance.system.locate("/"));
                let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
                lines += &format!("mode {mode:04o} /{}\n", path.unwrap().display());
            }
        }
    }
    lines
}

/// Runs this module's test in a child with this umask, and returns the modes that the child prints.
fn modes_with(umask: &str) -> Vec<String> {
    let script = format!("umask {umask} && exec \"$0\" --exact {NAME} --nocapture");
    let test = std::env::current_exe().unwrap();
    let child = Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg(test)
        .env(CHILD, "1")
        .output();
    let child = child.unwrap();
    let said = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success(), "{umask}: {said}");
    said.lines()
        .filter(|line| line.starts_with("mode "))
        .map(String::from)
        .collect()
}

#[test]
fn modes_are_the_same_whatever_the_umask() {
    if std::env::var_os(CHILD).is_some() {
        print!("\n{}", modes());
        return;
    }
    let usual = modes_with("022");
    let of = |path: &str| {
        let line = usual.iter().find(|line| line.ends_with(path));
        line.unwrap_or_else(|| panic!("{path}: {usual:#?}"))[5..9].to_owned()
    };
    for (path, mode) in [
        (layout::STATE, "0600"),
        ("/run/flipless/lock", "0600"),
        (layout::AGENT, "0755"),
        (layout::RELEASES, "0755"),
        ("/run/flipless/ends", "0755"),
        ("/run/flipless/alarm", "0644"),
        ("/environment", "0600"),
        ("/app/bin", "0755"),
        ("/app/bin/server", "0755"),
        (layout::APP_SOCKET, "0644"),
    ] {
        assert_eq!(of(path), mode, "{path}");
    }
    for umask in ["0", "0777", "077"] {
        assert_eq!(modes_with(umask), usual, "umask {umask}");
    }
}
