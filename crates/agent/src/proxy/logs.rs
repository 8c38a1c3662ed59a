//! Finds out whether nginx still writes into logs that were renamed or deleted. nginx opens its logs again only at a
//! reload, or after SIGUSR1. On stock EB each deployment restarts nginx, so a log that was moved or removed is created
//! again.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;

use super::syntax::{self, Directive};
use super::view::View;
use crate::instance::system::System;

/// Returns whether a log was moved: the file that is now at its path is not open in the master. Looks at the path as
/// the master sees it.
pub fn were_moved(view: &View, tree: &[Directive], master: u32) -> bool {
    let open = open(view.system, master);
    let all = syntax::all(tree).into_iter();
    let mut paths = all.filter_map(path);
    // If the master's files can't be read, the logs count as not moved.
    !open.is_empty()
        && paths.any(|path| match view.metadata(path) {
            Some(file) => file.is_file() && !open.contains(&(file.dev(), file.ino())),
            None => true,
        })
}

/// Returns the path of a log; `None` if the log is not a file, or if the file may differ between requests. Also `None`
/// for a path in /dev. It is a device, or it differs between processes, as /dev/stdout does.
fn path(directive: &Directive) -> Option<&str> {
    let is_log = ["access_log", "error_log"].contains(&directive.name());
    let path = directive.arguments().first().filter(|_| is_log)?;
    let is_file = path.starts_with('/') && !path.starts_with("/dev/");
    (is_file && !path.contains('$')).then_some(path)
}

/// Returns device and inode of each file that a process has open (proc_pid_fd(5)).
fn open(system: &System, pid: u32) -> BTreeSet<(u64, u64)> {
    let folder = format!("/proc/{pid}/fd");
    let names = system.names(&folder).unwrap_or_default().into_iter();
    let files = names.filter_map(|name| {
        let file = system.locate(format!("{folder}/{name}")).metadata().ok()?;
        Some((file.dev(), file.ino()))
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::testing::Instance;

    const LOG: &str = "/var/log/nginx/access.log";

    /// Returns whether a log was moved, after `change` on an instance whose master has opened it.
    fn after(text: &str, change: impl FnOnce(&System)) -> bool {
        let instance = Instance::new();
        let system = &instance.system;
        // A hard link keeps the file, as an open descriptor does.
        for (file, descriptor) in [(LOG, "4"), ("/var/log/nginx/error.log", "2")] {
            system.write(file, b"", 0o644).unwrap();
            let open = format!("/proc/77/open{descriptor}");
            system.make_folder("/proc/77/fd").unwrap();
            std::fs::hard_link(system.locate(file), system.locate(&open)).unwrap();
            let target = format!("../open{descriptor}");
            let link = format!("/proc/77/fd/{descriptor}");
            system.link(Path::new(&target), link).unwrap();
        }
        change(system);
        were_moved(&View::of(system, 77), &syntax::parse(text), 77)
    }

    #[test]
    fn a_log_that_was_moved_removed_or_replaced_is_found() {
        let text = "http { server {\n access_log\n /var/log/nginx/access.log main; } }";
        assert!(!after(text, |_| ()));
        assert!(after(text, |system| system.rename(LOG, "/old").unwrap()));
        assert!(after(text, |system| system.remove(LOG).unwrap()));
        assert!(after(text, |system| system.write(LOG, b"", 0o644).unwrap()));
        let linked = "error_log /var/log/linked/error.log warn;";
        assert!(!after(linked, |system| {
            system.link(Path::new("nginx"), "/var/log/linked").unwrap();
        }));
    }

    #[test]
    fn a_log_that_is_no_file_of_its_own_stays_out() {
        for text in [
            "access_log off;",
            "access_log /var/log/$host.log;",
            "access_log syslog:server=unix:/dev/log;",
            "error_log stderr;",
            "error_log /dev/stdout;",
            "access_log relative.log;",
            "# access_log /gone.log;",
        ] {
            assert!(!after(text, |_| ()), "{text}");
        }
        let missing = syntax::parse("access_log /gone.log;");
        let instance = Instance::new();
        assert!(!were_moved(&View::own(&instance.system), &missing, 77));
    }

    /// `PrivateTmp=` gives nginx another /tmp than the agent's.
    #[test]
    fn a_log_is_looked_for_where_nginx_sees_it() {
        let text = "access_log /tmp/access.log;";
        let with_root = |system: &System, log: &str| {
            let opened = system.locate("/proc/77/open4");
            let root = "/proc/77/root";
            for folder in ["etc", "tmp"] {
                system.make_folder(format!("{root}/{folder}")).unwrap();
            }
            std::fs::hard_link(opened, system.locate(format!("{root}{log}"))).unwrap();
        };
        assert!(!after(text, |system| with_root(system, "/tmp/access.log")));
        assert!(after(text, |system| {
            with_root(system, "/tmp/rotated.log");
            std::fs::create_dir(system.locate("/tmp")).unwrap();
            let opened = system.locate("/proc/77/open4");
            std::fs::hard_link(opened, system.locate("/tmp/access.log")).unwrap();
        }));
    }
}
