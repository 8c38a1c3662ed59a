//! The folders that no server may write to (`[server] writable-paths`).
//!
//! The build refuses such a path. `stage` also refuses a path that is a link to such a folder.

use std::path::Path;

use crate::layout;

/// Folders that a server may not write to, each with the reason: the end of a sentence in which the folder's name comes
/// first. A path is also refused if it contains such a folder, as `/`, `/etc`, `/opt`, `/usr` and `/var` do.
const KEPT: [(&[&str], &str); 5] = [
    (
        &["/var/app/current", "/var/app/staging"],
        "of which each version has its own copy, removed together with the version: use a folder elsewhere, such as \
         /var/lib/shop",
    ),
    (
        &["/tmp", "/var/tmp"],
        "which is separate and empty for each start of a server, and writable without this setting: use a folder \
         elsewhere, such as /var/lib/shop, for files that outlive a start",
    ),
    (
        &[layout::ROOT, layout::STATE_FOLDER, layout::RUNTIME],
        "which belongs to flipless",
    ),
    (
        &["/opt/elasticbeanstalk", "/var/pids", "/var/proxy"],
        "which belongs to Elastic Beanstalk",
    ),
    (
        &[
            "/bin",
            "/boot",
            "/dev",
            "/etc/nginx",
            "/etc/systemd",
            "/lib",
            "/lib64",
            "/proc",
            "/run/systemd",
            "/sbin",
            "/sys",
            "/usr/bin",
            "/usr/lib",
            "/usr/lib64",
            "/usr/sbin",
        ],
        "which belongs to the operating system",
    ),
];

/// Returns why no server may write to this absolute path; `None` if a server may.
///
/// ```
/// use flipless_settings::writable::refusal;
/// assert_eq!(refusal("/var/lib/shop"), None);
/// assert_eq!(
///     refusal("/opt").as_deref(),
///     Some("it contains /opt/flipless, which belongs to flipless")
/// );
/// ```
pub fn refusal(path: &str) -> Option<String> {
    // `Path` ignores `.`, doubled slashes and a slash at the end when it compares.
    let path = Path::new(path);
    let kept = KEPT
        .iter()
        .flat_map(|(folders, why)| folders.iter().map(move |folder| (*folder, *why)));
    let mut refused = kept.filter_map(|(folder, why)| {
        let how = match Path::new(folder) {
            kept if kept == path => "it is",
            kept if path.starts_with(kept) => "it is in",
            kept if kept.starts_with(path) => "it contains",
            _ => return None,
        };
        Some(format!("{how} {folder}, {why}"))
    });
    refused.next()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_of_each_version_of_the_system_or_of_another_owner_is_refused() {
        for (path, why) in [
            (
                "/var/app/current",
                "it is /var/app/current, of which each version",
            ),
            ("/var/app/current/", "each version has its own copy"),
            ("//var//app/./current/uploads/", "it is in /var/app/current"),
            ("/var/app/staging/x", "each version"),
            ("/var/app", "it contains /var/app/current"),
            ("/var", "it contains /var/app/current"),
            ("/", "it contains"),
            ("/.", "it contains"),
            ("/etc", "it contains /etc/nginx"),
            ("/etc/systemd/system", "operating system"),
            ("/usr", "operating system"),
            ("/usr/lib/x", "operating system"),
            ("/boot", "operating system"),
            ("/proc/self", "operating system"),
            ("/sys", "operating system"),
            ("/dev/shm", "operating system"),
            ("/run", "flipless"),
            ("/run/flipless/held", "flipless"),
            ("/opt", "flipless"),
            ("/opt/flipless/releases", "flipless"),
            ("/var/lib", "it contains /var/lib/flipless"),
            ("/var/lib/flipless", "flipless"),
            ("/opt/elasticbeanstalk/bin", "Elastic Beanstalk"),
            ("/var/proxy/staging", "Elastic Beanstalk"),
            ("/tmp", "separate and empty for each start of a server"),
            (
                "/var/tmp/x",
                "separate and empty for each start of a server",
            ),
        ] {
            let refused = refusal(path).unwrap_or_else(|| panic!("{path} is allowed"));
            assert!(refused.contains(why), "{path}: {refused}");
        }
    }

    #[test]
    fn any_other_folder_is_allowed() {
        for path in [
            "/var/app/current-data",
            "/var/app/data",
            "/var/log",
            "/var/log/nginx",
            "/var/cache/shop",
            "/var/lib/shop",
            "/var/lib/flipless-shop",
            "/mnt",
            "/mnt/efs/",
            "/srv/shop",
            "/home/webapp/data",
            "/etc/shop",
            "/opt/shop",
            "/run/shop",
            "/usr/local/share/shop",
            "/tmpfiles",
        ] {
            assert_eq!(refusal(path), None, "{path}");
        }
    }
}
