//! The lines that the unit of a run gets on this instance, besides the lines of its release. They give the server the
//! folders and groups that it has on stock EB. A bundle can't contain the lines, because they depend on the instance.

use anyhow::Result;
use flipless_settings::unit_file::{self, Directive};

use crate::instance::paths::{APPLICATIONS, FLIPPED, STAGED};
use crate::instance::system::System;
use crate::instance::user;

/// Returns the lines for a run with this unit; empty if the run needs none.
pub fn lines(system: &System, unit: &str) -> Result<String> {
    let directives = unit_file::parse(unit);
    let mut lines = String::new();
    for path in folders(system, &directives)? {
        lines += &format!("BindReadOnlyPaths=-{path}\n");
    }
    if all(&directives, "DynamicUser").next_back() == Some("true") {
        let groups = user::further_groups(system)?;
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        if !groups.is_empty() {
            lines += &format!("SupplementaryGroups={}\n", groups.join(" "));
        }
    }
    match lines.is_empty() {
        true => Ok(lines),
        false => Ok(format!(
            "\n# The agent has added these lines on this instance: the other folders of {APPLICATIONS}, and the\n\
             # further groups of {}.\n[Service]\n{lines}",
            user::NAME
        )),
    }
}

fn all<'a>(directives: &'a [Directive], key: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
    unit_file::values(directives, "Service", key)
}

/// Returns the folders and files beside the application, if the unit hides them behind a separate file system
/// (`TemporaryFileSystem=`). Leaves out the run's release and its writable folders, which the unit already mounts.
fn folders(system: &System, directives: &[Directive]) -> Result<Vec<String>> {
    let path = |mount: &str| {
        mount
            .trim_start_matches('-')
            .split(':')
            .next_back()
            .map(String::from)
    };
    let mut hidden = all(directives, "TemporaryFileSystem");
    if !hidden.any(|mount| mount.split(':').next() == Some(APPLICATIONS)) {
        return Ok(Vec::new());
    }
    let mounted = all(directives, "BindPaths").chain(all(directives, "BindReadOnlyPaths"));
    let mut mounted: Vec<String> = mounted.filter_map(path).collect();
    mounted.extend([FLIPPED, STAGED].map(String::from));
    let names = system.names(APPLICATIONS)?.into_iter();
    let plain = names.filter(|name| name.chars().all(is_plain));
    let paths = plain.map(|name| format!("{APPLICATIONS}/{name}"));
    Ok(paths.filter(|path| !mounted.contains(path)).collect())
}

/// Returns whether a unit file can contain the character without an escape.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "._-+@".contains(character)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::Instance;

    const UNIT: &str = "[Service]\nTemporaryFileSystem=/var/app:ro\nBindPaths=-/var/app/data\n\
                        BindReadOnlyPaths=/opt/flipless/runs/%i/app:/var/app/current\n";

    #[test]
    fn a_run_sees_what_is_beside_the_application() {
        let instance = Instance::new();
        let system = &instance.system;
        for name in ["current", "data", "shared", "a b", "50%"] {
            system.make_folder(format!("/var/app/{name}")).unwrap();
        }
        system.write("/var/app/notes.txt", b"", 0o644).unwrap();
        let said = lines(system, UNIT).unwrap();
        let set: Vec<&str> = said.lines().filter(|line| line.contains('=')).collect();
        let expected = [
            "BindReadOnlyPaths=-/var/app/notes.txt",
            "BindReadOnlyPaths=-/var/app/shared",
        ];
        assert_eq!(set, expected);
        assert!(said.contains("\n[Service]\n"), "{said}");
        // The unit of an older bundle does not hide them.
        assert_eq!(lines(system, "[Service]\nExecStart=v1\n").unwrap(), "");
    }

    #[test]
    fn a_run_with_its_own_user_has_the_further_groups_of_eb_s_user() {
        let instance = Instance::new();
        let groups = "root:x:0:\nwebapp:x:900:webapp\ndocker:x:70:me,webapp\nkeys:x:71:webapp\nx:x:72:webapp2\n";
        instance
            .system
            .write("/etc/group", groups.as_bytes(), 0o644)
            .unwrap();
        let of = |unit: &str| lines(&instance.system, unit).unwrap();
        let own = of("[Service]\nDynamicUser=true\n");
        assert!(
            own.ends_with("[Service]\nSupplementaryGroups=70 71\n"),
            "{own}"
        );
        // systemd itself gives these groups to a user of /etc/passwd.
        assert_eq!(of("[Service]\nUser=webapp\n"), "");
    }
}
